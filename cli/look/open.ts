/** Opens what a verb looks into. */

import type { ImageOptions } from '../options.ts';
import type { ImageTree } from './image-tree.ts';
import { Troubles } from './troubles.ts';

/** Runs `work` with the tree of the image and closes it. What `work` tells of as trouble makes the command end with 2. */
export async function withTree<T>(
  image: string,
  options: ImageOptions,
  work: (tree: ImageTree, troubles: Troubles) => Promise<T>,
): Promise<T> {
  const tree =
    options.url === undefined
      ? await (await import('./here.ts')).treeHere(image, options)
      : await (await import('./remote.ts')).treeAt(options.url, image, options);
  const troubles = new Troubles(tree);
  try {
    return await work(tree, troubles);
  } finally {
    await tree.close();
    troubles.end();
  }
}
