/** `lkl cat`: the bytes of files of an image. */

import type { WantedRange } from '../../src/tree/byte-range.ts';
import { withTree } from '../look/open.ts';
import { expandAll } from '../look/walk.ts';
import type { ImageOptions } from '../options.ts';
import { standardOutput } from '../output/output.ts';

export interface CatOptions extends ImageOptions {
  readonly range?: WantedRange;
}

export const cat = (image: string, paths: readonly string[], options: CatOptions): Promise<void> =>
  withTree(image, options, async (tree, troubles) => {
    const out = standardOutput();
    for await (const path of expandAll(tree, paths, troubles)) {
      await troubles.attempt(async () => {
        for await (const piece of tree.read(path, options.range)) await out.write(piece);
      });
    }
    await out.end();
  });
