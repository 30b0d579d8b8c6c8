/** Opens what a person names, to be read, without waiting: nobody may ever write to a pipe, and while a call waits no signal is heard. */

import { closeSync, constants, createReadStream, fstatSync, openSync, type Stats } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { hasCode } from '../../errors/has-code.ts';
import { ImageFileError } from '../files/image-file-error.ts';

export interface Opened {
  readonly fd: number;
  readonly stats: Stats;
}

/** Windows has neither. A terminal that is only read does not become this process's own. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

const CHUNK_BYTES = 1024 * 1024;

/** Throws the error of open(2) as Node gives it, and an ImageFileError for a socket, which is not opened. */
export function openToRead(path: string): Opened {
  const fd = opened(path);
  try {
    return { fd, stats: fstatSync(fd) };
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

function opened(path: string): number {
  try {
    return openSync(path, FLAGS);
  } catch (cause) {
    if (!hasCode(cause, 'ENXIO')) throw cause;
    // What this process was started with may be a socket, and has names all the same.
    const own = ownDescriptor(path);
    if (own !== undefined) return own;
    throw new ImageFileError('EKIND', `${path} is a socket, or a device that is not there: nothing is read of it`);
  }
}

/** "/dev/stdin", "/dev/fd/3". */
function ownDescriptor(path: string): number | undefined {
  if (path === '/dev/stdin') return 0;
  const [, fd] = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path) ?? [];
  return fd === undefined ? undefined : Number(fd);
}

/** What comes of it, one after the other; the stream closes it. Of a pipe it waits for the first who writes. */
export function streamOf({ fd, stats }: Opened): Readable & { readonly bytesRead: number } {
  if (stats.isFIFO() || stats.isSocket()) return new Socket({ fd, readable: true, writable: false });
  return createReadStream('', { fd, highWaterMark: CHUNK_BYTES });
}
