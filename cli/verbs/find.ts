/** `lkl find`: the files of an image that fit. */

import { matchesGlob } from 'node:path';
import type { FileType, NamedFile } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expandAll, type Walked, walk, walkNames } from '../look/walk.ts';
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
  withTree(image, options, (tree, troubles) =>
    printing(async (out) => {
      const found: Walked[] = [];
      const { maxdepth, json, print0, minSize, maxSize, newer, older } = options;
      const within = { troubles, ...(maxdepth !== undefined && { maxDepth: maxdepth }) };
      const byName = !json && [minSize, maxSize, newer, older].every((limit) => limit === undefined);
      const print = (path: Buffer) => out.print(print0 ? Buffer.concat([path, Buffer.of(0)]) : line(path));
      for await (const path of expandAll(tree, paths.length > 0 ? paths : ['/'], troubles)) {
        await troubles.attempt(async () => {
          if (byName) {
            for await (const walked of walkNames(tree, path, within))
              if (isCalled(walked, options)) await print(walked.path);
            return;
          }
          for await (const walked of walk(tree, path, within)) {
            if (!isCalled(walked, options) || !fits(walked, options)) continue;
            if (json) found.push(walked);
            else await print(walked.path);
          }
        });
      }
      if (json) await out.json(found.map(({ path, entry }) => entryJson(entry, path)));
    }),
  );

const ns = (date: Date): bigint => BigInt(date.getTime()) * 1_000_000n;

/** By what directories say. */
function isCalled({ path, entry }: Walked<NamedFile>, { name, iname, path: whole, kind }: FindOptions): boolean {
  const text = lastName(path, entry);
  if (name !== undefined && !matchesGlob(text, name)) return false;
  if (iname !== undefined && !matchesGlob(text.toLowerCase(), iname.toLowerCase())) return false;
  if (whole !== undefined && !matchesGlob(path.toString(), whole)) return false;
  return kind === undefined || entry.type === kinds[kind];
}

/** By what inodes say. */
function fits({ entry }: Walked, { minSize, maxSize, newer, older }: FindOptions): boolean {
  if (minSize !== undefined && entry.sizeBytes < minSize) return false;
  if (maxSize !== undefined && entry.sizeBytes > maxSize) return false;
  if (newer !== undefined && entry.mtimeNs <= ns(newer)) return false;
  return older === undefined || entry.mtimeNs < ns(older);
}

const lastName = (path: Buffer, { name }: NamedFile): string => (name.length > 0 ? name : path).toString();
