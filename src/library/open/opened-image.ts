/** What an Image stands on, and how it is let go. */

import type { ImageReport } from '../../image/mounted-image.ts';
import type { MountedTree } from '../../linux.ts';
import type { Layer } from '../../storage/open-disk.ts';

export interface ImageInfo extends ImageReport {
  /** What the image is wrapped in, the outermost first: `qcow2` … Empty: the bytes are the disk. */
  readonly layers: readonly Layer[];
}

/** @internal */
export interface OpenedImage {
  readonly mounted: MountedTree;
  info(): Promise<ImageInfo>;
  /** Twice is once. */
  close(): Promise<void>;
}
