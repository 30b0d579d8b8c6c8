/** `lkl ls`: what is in directories of an image. */

import type { FileEntry, ImageTree } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expand, walk } from '../look/walk.ts';
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

interface Listing {
  readonly path: Buffer;
  readonly entries: readonly FileEntry[];
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
      for (const path of directories) {
        for await (const listing of listingsOf(tree, path, options.recursive === true)) {
          if (options.json) listings.push(listing);
          else await show(out, listing, options, options.recursive === true || directories.length + files.length > 1);
        }
      }
      if (options.json) await out.json(jsonOf(listings));
      else if (files.length > 0) await show(out, { path: Buffer.from(''), entries: files }, options, false);
    }),
  );

async function* listingsOf(tree: ImageTree, path: Buffer, recursive: boolean): AsyncGenerator<Listing> {
  yield { path, entries: await tree.list(path) };
  if (!recursive) return;
  for await (const { path: at, depth, entry } of walk(tree, path)) {
    if (depth > 0 && entry.type === 'directory') yield { path: at, entries: await tree.list(at) };
  }
}

async function show(out: Printer, { path, entries }: Listing, options: LsOptions, titled: boolean): Promise<void> {
  if (titled) await out.print(line(path, { after: ':' }));
  if (!options.long) {
    for (const { name } of entries) await out.print(line(name));
  } else if (entries.length > 0) {
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
