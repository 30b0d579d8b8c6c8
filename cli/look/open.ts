/** Opens what a verb looks into. */

import type { ImageOptions } from '../options.ts';
import type { ImageTree } from './image-tree.ts';

/** Runs `work` with the tree of the image and closes it. */
export async function withTree<T>(
  image: string,
  options: ImageOptions,
  work: (tree: ImageTree) => Promise<T>,
): Promise<T> {
  const tree =
    options.url === undefined
      ? await (await import('./here.ts')).treeHere(image, options)
      : (await import('./remote.ts')).treeAt(options.url, image, options);
  try {
    return await work(tree);
  } finally {
    await tree.close();
  }
}
