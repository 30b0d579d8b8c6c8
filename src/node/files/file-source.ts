/** The bytes of a file or a block device, read where they lie. */

import { type BigIntStats, close as closeFd, fstatSync, read as readFd, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { ImageChangedError, ReadFailedError } from '../../storage/errors.ts';
import { nodeHost } from '../host.ts';
import { openToRead } from '../input/open-to-read.ts';
import { holeAt } from '../native/calls.ts';
import { native } from '../native/native.ts';
import { blockDeviceBytes } from './block-size.ts';

/** A file that is open for reading. Its reads answer at once while the file is quick. */
export interface FileSource extends ByteSource, AsyncDisposable {
  /** As it was named, for people. */
  readonly path: string;
  readonly isBlockDevice: boolean;
  /** Throws an ImageChangedError if the file is no longer the one that was opened: for the end of long work. */
  checkUnchanged(): void;
  /** Once reads under way have settled. Twice is once. */
  close(): Promise<void>;
}

/**
 * What lies in memory is there in microseconds, and a trip to a thread and back takes five times as long (45 µs where 128 KiB
 * from the page cache take 8). What has to come from a medium blocks the whole process meanwhile: after a read that took
 * longer than this the next ones go to a thread, and then one is tried again.
 */
const SLOW_NS = 1_000_000;
const SLOW_READS = 32;
/** The longest that reads which answer at once keep everything else in the process from running. */
const TURN_NS = 10_000_000;
/** How often the file is looked at for changes, and not more: a look takes a microsecond. */
const LOOK_NS = 10_000_000;

const STDIN = 0;

const readLater = promisify(readFd);
const closeLater = promisify(closeFd);

export interface FileSourceOptions {
  /** Already open, and closed by `close` unless it is standard input. Default: opened here. */
  readonly fd?: number;
}

/** Opens `path`. Throws the error of open(2) as Node gives it, with `code` and `path`. */
export function fileSource(path: string, { fd = openToRead(path).fd }: FileSourceOptions = {}): FileSource {
  const opened = fstatSync(fd, { bigint: true });
  const isBlockDevice = opened.isBlockDevice();
  const sizeBytes = isBlockDevice ? blockDeviceBytes(fd, opened) : Number(opened.size);
  const pending = new Set<Promise<void>>();
  let closing: Promise<void> | undefined;
  let readsLater = 0;
  let lookedNs = nodeHost.monotonicNs();
  /** Since when reads have answered at once without a turn of the event loop between them. */
  let busySinceNs: number | undefined;

  const failed = (cause: unknown): ReadFailedError =>
    new ReadFailedError(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  const endedEarly = (): Error => (isSame(opened, fstatSync(fd, { bigint: true })) ? cutShort() : changed());
  const cutShort = () => new ReadFailedError(`${path} ends before its ${sizeBytes} bytes`);
  const changed = () => new ImageChangedError(path);

  function checkUnchanged(): void {
    if (!isBlockDevice && !isSame(opened, fstatSync(fd, { bigint: true }))) throw changed();
  }

  function readNow(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      let length: number;
      try {
        length = readSync(fd, into, done, into.length - done, offset + done);
      } catch (cause) {
        throw failed(cause);
      }
      if (length === 0) throw endedEarly();
      done += length;
    }
  }

  async function readInThread(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await readLater(fd, into, done, into.length - done, offset + done).catch((cause) => {
        throw failed(cause);
      });
      if (bytesRead === 0) throw endedEarly();
      done += bytesRead;
    }
  }

  function until(work: Promise<void>): Promise<void> {
    const settled = work.then(
      () => {},
      () => {},
    );
    pending.add(settled);
    settled.then(() => pending.delete(settled));
    return work;
  }

  return {
    path,
    sizeBytes,
    isBlockDevice,
    ...(!isBlockDevice && native() && { zerosAt: (offset: number) => holeAt(fd, offset, sizeBytes) }),
    checkUnchanged,
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (closing) throw new ReadFailedError(`${path} is closed`);
      const startNs = nodeHost.monotonicNs();
      if (startNs - lookedNs > LOOK_NS) {
        lookedNs = startNs;
        checkUnchanged();
      }
      if (readsLater > 0) {
        readsLater -= 1;
        return until(readInThread(offset, into));
      }
      readNow(offset, into);
      const endNs = nodeHost.monotonicNs();
      if (endNs - startNs > SLOW_NS) readsLater = SLOW_READS;
      if (busySinceNs === undefined) {
        busySinceNs = startNs;
        setImmediate(() => {
          busySinceNs = undefined;
        });
        return undefined;
      }
      return endNs - busySinceNs > TURN_NS ? nodeHost.turn() : undefined;
    },
    close() {
      closing ??= Promise.all(pending).then(() => (fd === STDIN ? undefined : closeLater(fd)));
      return closing;
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

/** Same file, same length, not written since. */
const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.dev === other.dev && one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs;
