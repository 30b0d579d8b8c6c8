/** Options of `lkl fs2tar`. */

import type { ImageOptions } from '../options.ts';

export interface Fs2tarArguments extends ImageOptions {
  readonly output?: string;
  readonly path?: string;
  readonly compress: 'none' | 'gzip';
  readonly gzip?: true;
  readonly onError: 'stop' | 'continue';
  readonly quiet?: true;
}
