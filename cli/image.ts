/** The image on its way to a Worker: as a file that is read where it lies, or as a stream. */

import { randomUUID } from 'node:crypto';
import { createReadStream, fstatSync, openSync, readFileSync, readSync, realpathSync, type Stats } from 'node:fs';
import type { Sent } from './client.ts';
import { Failure, reasonOf } from './failure.ts';

/** Something that can be read at any place. */
export interface ImageFile {
  /** Nobody else's guess, as whoever can name it can read it. */
  readonly name: string;
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isBlockDevice: boolean;
}

export interface Image {
  /** Undefined for pipes, for what is compressed and for what is empty. */
  readonly file: ImageFile | undefined;
  /** All of it, to be asked for once. */
  stream(): Sent;
}

/** `-` is standard input. */
export function openImage(path: string): Image {
  if (path === '-') {
    if (process.stdin.isTTY) throw new Failure('usage', 'an image does not come from a terminal');
    return { file: undefined, stream: () => ({ stream: process.stdin, lengthBytes: undefined }) };
  }
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new Failure('failed', reasonOf(cause));
  }
  const stats = fstatSync(fd);
  if (stats.isDirectory()) throw new Failure('usage', `${path} is a directory`);
  const sizeBytes = sizeOf(stats);
  const file =
    sizeBytes && !isCompressed(fd)
      ? { name: randomUUID(), path: realpathSync(path), fd, sizeBytes, isBlockDevice: stats.isBlockDevice() }
      : undefined;
  return { file, stream: () => ({ stream: createReadStream(path, { fd }), lengthBytes: sizeBytes }) };
}

/** Undefined where there is no telling. Linux shows block devices as empty and tells their sectors of 512 bytes in sysfs. */
function sizeOf(stats: Stats): number | undefined {
  if (stats.isFile()) return stats.size;
  if (!stats.isBlockDevice()) return undefined;
  const major = (stats.rdev >> 8) & 0xfff;
  const minor = (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00);
  return 512 * Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'ascii'));
}

/** gzip, zstd, xz: what the Worker decompresses, and no image begins with. */
const magics = ['1f8b08', '28b52ffd', 'fd377a585a00'];

function isCompressed(fd: number): boolean {
  const head = Buffer.alloc(6);
  readSync(fd, head, 0, head.length, 0);
  return magics.some((magic) => head.toString('hex').startsWith(magic));
}
