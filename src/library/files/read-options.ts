/** Options of reads, as node:fs takes them. */

import type { EncodingOptions } from './paths.ts';

export interface ReadFileOptions extends EncodingOptions {
  /** Only flags that read: `r` and `rs`. */
  readonly flag?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadStreamOptions extends EncodingOptions {
  readonly flags?: string | undefined;
  /** The first byte. Default: 0. */
  readonly start?: number | undefined;
  /** The last byte, itself included. Default: the file's last. */
  readonly end?: number | undefined;
  /** Bytes of a chunk. Default: 64 KiB. */
  readonly highWaterMark?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** O_ACCMODE, O_CREAT, O_TRUNC and O_APPEND (asm-generic/fcntl.h): what a read-only image refuses. */
const WRITING = 0o3 | 0o100 | 0o1000 | 0o2000;

export function writes(flags: string | number): boolean {
  return typeof flags === 'number' ? (flags & WRITING) !== 0 : !/^(r|rs|sr)$/.test(flags);
}
