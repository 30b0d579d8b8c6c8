/** Options of `lkl fs2tar` and `lkl fs2zip`. */

import type { ImageOptions } from '../options.ts';

export interface Fs2tarArguments extends ImageOptions {
  readonly output?: string;
  readonly path?: string;
  /** Default: a tar. */
  readonly form?: 'tar' | 'zip';
  readonly compress: 'none' | 'gzip';
  readonly gzip?: true;
  readonly onError: 'stop' | 'continue';
  /** A file for SELinux labels. */
  readonly selinux?: string;
  readonly quiet?: true;
}
