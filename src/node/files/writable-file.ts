/** An image file that is written in place. */

import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { HostError } from '../../errors/host-error.ts';
import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { ReadFailedError, StorageError } from '../../storage/errors.ts';
import { punchHole, tryFlock } from '../native/calls.ts';
import { native } from '../native/native.ts';
import { blockDeviceBytes } from './block-size.ts';
import { lockFile } from './file-lock.ts';
import { ImageFileError } from './image-file-error.ts';

export interface WritableFile extends ByteSource {
  write(offset: number, from: Uint8Array): void;
  /** Of a file, not of a block device. */
  grow?(sizeBytes: number): void;
  readonly writesAtOnce: true;
  flush(): Promise<void>;
  /** As `flush`, while nothing else happens. */
  sync(): void;
  /** Lets go of the file and of its lock. Twice is once. */
  close(): void;
}

const sync = promisify(fdatasync);

/**
 * Opens a file or a block device for reading and writing. Throws the error of open(2) as Node gives it, an ImageFileError for what
 * can be no image (a directory, a pipe, nothing in it), and `image-in-use` while another process of ours writes it. Errors call it `name`.
 */
export function writableFile(path: string, name = path): WritableFile {
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind?.isDirectory()) throw new ImageFileError('EISDIR', `${path} is a directory`);
  // To open a pipe would wait for somebody at its other end.
  if (kind && !kind.isFile() && !kind.isBlockDevice())
    throw new ImageFileError('ESTREAM', `${path} is neither a file nor a block device: it can only be read`);
  const fd = openSync(path, 'r+');
  try {
    const stats = fstatSync(fd, { bigint: true });
    const sizeBytes = stats.isBlockDevice() ? blockDeviceBytes(fd, stats) : Number(stats.size);
    if (sizeBytes === 0) throw new ImageFileError('ENODATA', `${path} is empty`);
    const unlock = lockFile(path);
    if (isWrittenElsewhere(fd)) {
      unlock();
      throw new HostError('image-in-use', `${path}: another process writes it, by another name`);
    }
    return opened(fd, name, sizeBytes, unlock, stats.isFile());
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

/** A hard link, or another mount of its folder: no lock beside it tells of that. */
function isWrittenElsewhere(fd: number): boolean {
  try {
    return native() !== undefined && !tryFlock(fd);
  } catch {
    return false; // its file system has no such locks
  }
}

function opened(fd: number, name: string, initialBytes: number, unlock: () => void, isFile: boolean): WritableFile {
  let sizeBytes = initialBytes;
  const failed = (cause: unknown): StorageError =>
    new StorageError('EIO', `${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  /** `move` answers how many bytes it moved. */
  const all = (length: number, move: (done: number) => number): void => {
    for (let done = 0; done < length; ) {
      let moved: number;
      try {
        moved = move(done);
      } catch (cause) {
        throw failed(cause);
      }
      if (moved === 0) throw new ReadFailedError(`${name} ends before its ${sizeBytes} bytes`);
      done += moved;
    }
  };
  let isOpen = true;
  /** Where the file system of the file has no holes it stays as it is. */
  const discard = (offset: number, length: number): void => {
    checkBytes({ sizeBytes }, offset, length);
    punchHole(fd, offset, length);
  };
  const grow = (bytes: number): void => {
    try {
      if (bytes > sizeBytes) ftruncateSync(fd, bytes);
    } catch (cause) {
      throw failed(cause);
    }
    sizeBytes = Math.max(sizeBytes, bytes);
  };
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    writesAtOnce: true,
    ...(isFile && native() && { discard }),
    ...(isFile && { grow }),
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      all(into.length, (done) => readSync(fd, into, done, into.length - done, offset + done));
    },
    write(offset, from) {
      checkBytes({ sizeBytes }, offset, from.length);
      all(from.length, (done) => writeSync(fd, from, done, from.length - done, offset + done));
    },
    async flush() {
      await sync(fd).catch((cause: unknown) => {
        throw failed(cause);
      });
    },
    sync() {
      fdatasyncSync(fd);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      unlock();
    },
  };
}
