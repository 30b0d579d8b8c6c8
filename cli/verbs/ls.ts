/** `lkl ls`: what is in directories of an image. */

import { below, type FileEntry, type NamedFile, type OnTrouble, type Trouble } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import type { Troubles } from '../look/troubles.ts';
import { expandAll } from '../look/walk.ts';
import { entryJson, letters, line, modeText, shown, sizeText, textMembers, timeText } from '../look/words.ts';
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
  /** Names that are there, of what cannot be read. */
  readonly lacking: readonly Lacking[];
}

interface Lacking extends Pick<Trouble, 'type'> {
  readonly name: Buffer;
}

export const ls = (image: string, paths: readonly string[], options: LsOptions): Promise<void> =>
  withTree(image, options, (tree, troubles) =>
    printing(async (out) => {
      const files: FileEntry[] = [];
      const directories: Buffer[] = [];
      for await (const path of expandAll(tree, paths.length > 0 ? paths : ['/'], troubles)) {
        await troubles.attempt(async () => {
          const entry = await tree.entry(path, !options.directory && !options.long);
          const followed = entry.type === 'symlink' && !options.directory ? await tree.entry(path) : entry;
          if (followed.type === 'directory' && !options.directory) directories.push(path);
          else files.push({ ...entry, name: path });
        });
      }
      const named: Listing = { path: Buffer.from(''), entries: files, lacking: [] };
      const listings: Listing[] = files.length > 0 ? [named] : [];
      const recursive = options.recursive === true;
      const titled = recursive || directories.length + files.length > 1;
      for (const path of directories) {
        if (!options.json && !options.long) {
          const names = listingsOf((at, onTrouble) => tree.names(at, onTrouble), path, recursive, troubles);
          for await (const listing of names) await showNames(out, listing, titled);
          continue;
        }
        const entries = listingsOf((at, onTrouble) => tree.list(at, onTrouble), path, recursive, troubles);
        for await (const listing of entries) {
          if (options.json) listings.push(listing);
          else await show(out, listing, options, titled);
        }
      }
      if (options.json) await out.json(jsonOf(listings));
      else if (files.length > 0) await show(out, named, options, false);
    }),
  );

/** Of each directory what is in it: once for its own lines, and again for the directories below. */
async function* listingsOf<Entry extends NamedFile>(
  list: (path: Buffer, onTrouble: OnTrouble) => Promise<readonly Entry[]>,
  path: Buffer,
  recursive: boolean,
  troubles: Troubles,
): AsyncGenerator<Listing<Entry>> {
  const left: Buffer[] = [path];
  for (let at = left.pop(); at; at = left.pop()) {
    const lacking: Lacking[] = [];
    const entries = await list(at, ({ cause, name, type }) => {
      troubles.tell(cause);
      if (name) lacking.push({ name, type });
    });
    yield { path: at, entries, lacking };
    if (!recursive) continue;
    const folder = at;
    const inner = entries.filter(({ type }) => type === 'directory').map(({ name }) => below(folder, name));
    for (const one of inner.reverse()) left.push(one);
  }
}

async function showNames(out: Printer, listing: Listing<NamedFile>, titled: boolean): Promise<void> {
  if (titled) await out.print(line(listing.path, { after: ':' }));
  for (const { name } of inOrder(listing)) await out.print(line(name));
  if (titled) await out.print('\n');
}

/** Those that cannot be read are where their names are. */
function inOrder<Entry extends NamedFile>({ entries, lacking }: Listing<Entry>): readonly (Entry | Lacking)[] {
  if (lacking.length === 0) return entries;
  return [...entries, ...lacking].sort((a, b) => Buffer.compare(a.name, b.name));
}

async function show(out: Printer, listing: Listing, options: LsOptions, titled: boolean): Promise<void> {
  if (!options.long) return showNames(out, listing, titled);
  const all = inOrder(listing);
  if (titled) await out.print(line(listing.path, { after: ':' }));
  if (all.length > 0) {
    const columns = [{ title: '' }, ...['', '', '', '', ''].map((title) => ({ title, right: true })), { title: '' }];
    const rows = all.map((entry) => ('mode' in entry ? row(entry, options.human === true) : unknownRow(entry)));
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

/** As ls(1) has it. */
const unknownRow = ({ name, type }: Lacking): string[] => [
  `${type === undefined ? '?' : letters[type]}?????????`,
  ...['?', '?', '?', '?', '?'],
  shown(name),
];

const jsonOf = (listings: readonly Listing[]) =>
  listings.map((listing) => ({
    ...(listing.path.length > 0 && textMembers('path', listing.path)),
    entries: inOrder(listing).map((entry) =>
      'mode' in entry ? entryJson(entry) : { ...textMembers('name', entry.name), type: entry.type, unreadable: true },
    ),
  }));
