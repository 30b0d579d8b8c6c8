/** `lkl sha256`: checksums of files of an image, as sha256sum(1) writes them. */

import { createHash } from 'node:crypto';
import type { ImageTree } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { expandAll, walk } from '../look/walk.ts';
import { line, textMembers } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';

export interface Sha256Options extends ImageOptions {
  readonly recursive?: true;
  readonly json?: true;
}

export const sha256 = (image: string, paths: readonly string[], options: Sha256Options): Promise<void> =>
  withTree(image, options, (tree, troubles) =>
    printing(async (out) => {
      const all: unknown[] = [];
      const add = async (path: Buffer) => {
        const hash = await hashOf(tree, path);
        if (options.json) all.push({ ...textMembers('path', path), sha256: hash });
        else await out.print(sumLine(path, hash));
      };
      for await (const path of expandAll(tree, paths, troubles)) {
        await troubles.attempt(async () => {
          if (!options.recursive) return add(path);
          for await (const { path: at, entry } of walk(tree, path, { troubles })) {
            if (entry.type === 'file') await troubles.attempt(() => add(at));
          }
        });
      }
      if (options.json) await out.json(all);
    }),
  );

/** A name with a newline, a carriage return or a backslash is escaped, and its line begins with one. */
function sumLine(path: Buffer, hash: string): Buffer {
  const name = path.toString('latin1');
  const escaped = name.replaceAll(/[\\\n\r]/g, (byte) => ({ '\n': '\\n', '\r': '\\r' })[byte] ?? '\\\\');
  return line(Buffer.from(escaped, 'latin1'), { before: `${escaped === name ? '' : '\\'}${hash}  ` });
}

/** In hex. */
export async function hashOf(tree: ImageTree, path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of tree.read(path)) hash.update(piece);
  return hash.digest('hex');
}
