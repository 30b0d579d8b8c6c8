/** `lkl find`: the files of an image that fit. */

import { matchesGlob } from 'node:path';
import type { FileEntry, FileType } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expand, type Walked, walk } from '../look/walk.ts';
import { entryJson, line } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';

export interface FindOptions extends ImageOptions {
  readonly name?: string;
  readonly iname?: string;
  readonly path?: string;
  readonly kind?: string;
  readonly minSize?: number;
  readonly maxSize?: number;
  readonly newer?: Date;
  readonly older?: Date;
  readonly maxdepth?: number;
  readonly print0?: true;
  readonly json?: true;
}

/** The letters of find(1). */
export const kinds: Readonly<Record<string, FileType>> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  c: 'char',
  b: 'block',
  p: 'fifo',
  s: 'socket',
};

export const find = (image: string, paths: readonly string[], options: FindOptions): Promise<void> =>
  withTree(image, options, (tree) =>
    printing(async (out) => {
      const found: Walked[] = [];
      const { maxdepth } = options;
      for (const pattern of paths.length > 0 ? paths : ['/']) {
        for (const path of await expand(tree, pattern)) {
          for await (const walked of walk(tree, path, maxdepth === undefined ? {} : { maxDepth: maxdepth })) {
            if (!fits(walked, options)) continue;
            if (options.json) found.push(walked);
            else await out.print(options.print0 ? Buffer.concat([walked.path, Buffer.of(0)]) : line(walked.path));
          }
        }
      }
      if (options.json) await out.json(found.map(({ path, entry }) => entryJson(entry, path)));
    }),
  );

const ns = (date: Date): bigint => BigInt(date.getTime()) * 1_000_000n;

function fits({ path, entry }: Walked, options: FindOptions): boolean {
  const { name, iname, path: whole, kind, minSize, maxSize, newer, older } = options;
  const text = lastName(path, entry);
  if (name !== undefined && !matchesGlob(text, name)) return false;
  if (iname !== undefined && !matchesGlob(text.toLowerCase(), iname.toLowerCase())) return false;
  if (whole !== undefined && !matchesGlob(path.toString(), whole)) return false;
  if (kind !== undefined && entry.type !== kinds[kind]) return false;
  if (minSize !== undefined && entry.sizeBytes < minSize) return false;
  if (maxSize !== undefined && entry.sizeBytes > maxSize) return false;
  if (newer !== undefined && entry.mtimeNs <= ns(newer)) return false;
  return older === undefined || entry.mtimeNs < ns(older);
}

const lastName = (path: Buffer, { name }: FileEntry): string => (name.length > 0 ? name : path).toString();
