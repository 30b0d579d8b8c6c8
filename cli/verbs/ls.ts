/** `lkl ls`: what is in directories of an image. */

import { below, type FileEntry, type NamedFile } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expand } from '../look/walk.ts';
import { entryJson, line, modeText, shown, sizeText, textMembers, timeText } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { type Printer, printing } from '../output/print.ts';
import { textLines } from '../output/table.ts';

export interface LsOptions extends ImageOptions {
  readonly long?: true;
  readonly recursive?: true;
  readonly human?: true;
  readonly directory?: true;
  readonly json?: true;
}

interface Listing<Entry extends NamedFile = FileEntry> {
  readonly path: Buffer;
  readonly entries: readonly Entry[];
}

export const ls = (image: string, paths: readonly string[], options: LsOptions): Promise<void> =>
  withTree(image, options, (tree) =>
    printing(async (out) => {
      const files: FileEntry[] = [];
      const directories: Buffer[] = [];
      for (const pattern of paths.length > 0 ? paths : ['/']) {
        for (const path of await expand(tree, pattern)) {
          const entry = await tree.entry(path, !options.directory && !options.long);
          const followed = entry.type === 'symlink' && !options.directory ? await tree.entry(path) : entry;
          if (followed.type === 'directory' && !options.directory) directories.push(path);
          else files.push({ ...entry, name: path });
        }
      }
      const listings: Listing[] = files.length > 0 ? [{ path: Buffer.from(''), entries: files }] : [];
      const recursive = options.recursive === true;
      const titled = recursive || directories.length + files.length > 1;
      for (const path of directories) {
        if (!options.json && !options.long) {
          for await (const listing of listingsOf((at) => tree.names(at), path, recursive))
            await showNames(out, listing, titled);
          continue;
        }
        for await (const listing of listingsOf((at) => tree.list(at), path, recursive)) {
          if (options.json) listings.push(listing);
          else await show(out, listing, options, titled);
        }
      }
      if (options.json) await out.json(jsonOf(listings));
      else if (files.length > 0) await show(out, { path: Buffer.from(''), entries: files }, options, false);
    }),
  );

/** Of each directory what is in it: once for its own lines, and again for the directories below. */
async function* listingsOf<Entry extends NamedFile>(
  list: (path: Buffer) => Promise<readonly Entry[]>,
  path: Buffer,
  recursive: boolean,
): AsyncGenerator<Listing<Entry>> {
  const left: Buffer[] = [path];
  for (let at = left.pop(); at; at = left.pop()) {
    const entries = await list(at);
    yield { path: at, entries };
    if (!recursive) continue;
    const folder = at;
    const inner = entries.filter(({ type }) => type === 'directory').map(({ name }) => below(folder, name));
    for (const one of inner.reverse()) left.push(one);
  }
}

async function showNames(out: Printer, { path, entries }: Listing<NamedFile>, titled: boolean): Promise<void> {
  if (titled) await out.print(line(path, { after: ':' }));
  for (const { name } of entries) await out.print(line(name));
  if (titled) await out.print('\n');
}

async function show(out: Printer, listing: Listing, options: LsOptions, titled: boolean): Promise<void> {
  if (!options.long) return showNames(out, listing, titled);
  const { path, entries } = listing;
  if (titled) await out.print(line(path, { after: ':' }));
  if (entries.length > 0) {
    const columns = [{ title: '' }, ...['', '', '', '', ''].map((title) => ({ title, right: true })), { title: '' }];
    const rows = entries.map((entry) => row(entry, options.human === true));
    const lines = textLines(columns, rows);
    lines.next(); // nobody titles them
    for (const text of lines) await out.print(`${text}\n`);
  }
  if (titled) await out.print('\n');
}

function row(entry: FileEntry, human: boolean): string[] {
  const { links, uid, gid, sizeBytes, mtimeNs, name, target, more } = entry;
  const isDevice = entry.type === 'char' || entry.type === 'block';
  const size =
    isDevice && more ? `${more.device.major}, ${more.device.minor}` : human ? sizeText(sizeBytes) : `${sizeBytes}`;
  const named = target ? `${shown(name)} -> ${shown(target)}` : shown(name);
  return [modeText(entry), `${links}`, `${uid}`, `${gid}`, size, timeText(mtimeNs), named];
}

const jsonOf = (listings: readonly Listing[]) =>
  listings.map(({ path, entries }) => ({
    ...(path.length > 0 && textMembers('path', path)),
    entries: entries.map((entry) => entryJson(entry)),
  }));
