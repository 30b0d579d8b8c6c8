/** An open file of an image, with the reading half of the FileHandle of node:fs/promises. */

import { createInterface, type Interface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Statx } from '../../kernel/syscalls/file.ts';
import type { OpenFile } from '../../tree/open/open-file.ts';
import { asFs, fsError } from '../errors.ts';
import { argumentError, type EncodingOrOptions, encodingOf, partOf } from './paths.ts';
import type { ReadFileOptions, ReadStreamOptions } from './read-options.ts';
import { type StatOptions, type StatsFor, statsOf } from './stats.ts';

/**
 * What a handle stands on: a file, or a directory, of which only `stat` works.
 *
 * @internal
 */
export interface Opened {
  stat(): Promise<Statx>;
  /** Undefined: EISDIR. */
  readonly read: OpenFile['read'] | undefined;
  close(): Promise<void>;
}

export interface ReadResult<Into extends NodeJS.ArrayBufferView> {
  readonly bytesRead: number;
  readonly buffer: Into;
}

export interface ReadOptions<Into extends NodeJS.ArrayBufferView> {
  readonly buffer?: Into;
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: number | bigint | null | undefined;
}

const CHUNK_BYTES = 64 * 1024;
/** Of a file that is read whole, at a time: a signal is looked at between. */
const PIECE_BYTES = 512 * 1024;
const READ_BYTES = 16 * 1024;

/** The most that node:fs reads into one buffer. A sparse file may say that it has terabytes. */
const MAX_READ_BYTES = 2 ** 31 - 1;

const tooLarge = (size: number): RangeError =>
  Object.assign(new RangeError(`File size (${size}) is greater than 2 GiB`), { code: 'ERR_FS_FILE_TOO_LARGE' });

/** Reads without a position go on where the last one ended. Close it, or declare it with `await using`. */
export class FileHandle implements AsyncDisposable {
  readonly #opened: Opened;
  readonly #path: string;
  /**
   * Where reads and writes without a position go on.
   *
   * @internal
   */
  protected position = 0;
  #closed: Promise<void> | undefined;

  /**
   * Made by `Image.open`.
   *
   * @internal
   */
  constructor(opened: Opened, path: string) {
    this.#opened = opened;
    this.#path = path;
  }

  /** fstat(2). */
  stat<const Options extends StatOptions | undefined = undefined>(options?: Options): Promise<StatsFor<Options>> {
    return asFs('fstat', undefined, async () => statsOf(await this.#opened.stat(), options) as StatsFor<Options>);
  }

  /**
   * Reads up to `length` bytes from `position` (null: the current one) into `buffer` at `offset`; 0 bytes at the end of the
   * file. Arguments as in node:fs/promises: in a row, or in one object; without a buffer one of 16 KiB is made.
   */
  read<Into extends NodeJS.ArrayBufferView>(
    buffer: Into,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<ReadResult<Into>>;
  read<Into extends NodeJS.ArrayBufferView = Buffer>(
    buffer: Into,
    options?: Omit<ReadOptions<Into>, 'buffer'>,
  ): Promise<ReadResult<Into>>;
  read<Into extends NodeJS.ArrayBufferView = Buffer>(options?: ReadOptions<Into>): Promise<ReadResult<Into>>;
  async read(
    first?: NodeJS.ArrayBufferView | ReadOptions<NodeJS.ArrayBufferView>,
    second?: number | null | ReadOptions<NodeJS.ArrayBufferView>,
    third?: number | null,
    fourth?: number | bigint | null,
  ): Promise<ReadResult<NodeJS.ArrayBufferView>> {
    const given: ReadOptions<NodeJS.ArrayBufferView> = ArrayBuffer.isView(first)
      ? {
          ...(second !== null && typeof second === 'object'
            ? second
            : { offset: second, length: third, position: fourth }),
          buffer: first,
        }
      : (first ?? {});
    const buffer = given.buffer ?? Buffer.alloc(READ_BYTES);
    const { offset, length } = partOf(buffer, given);
    const into = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
    const bytesRead = await this.#read(into, given.position);
    return { bytesRead, buffer };
  }

  /** readv(2): fills the buffers one after another. */
  async readv<Into extends readonly NodeJS.ArrayBufferView[]>(
    buffers: Into,
    position?: number | null,
  ): Promise<{ readonly bytesRead: number; readonly buffers: Into }> {
    let bytesRead = 0;
    for (const buffer of buffers) {
      const into = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      const bytes = await this.#read(into, typeof position === 'number' ? position + bytesRead : undefined);
      bytesRead += bytes;
      if (bytes < into.length) break;
    }
    return { bytesRead, buffers };
  }

  async #read(into: Uint8Array, position: number | bigint | null | undefined): Promise<number> {
    const isExplicit = position !== undefined && position !== null && position !== -1;
    const at = isExplicit ? Number(position) : this.position;
    if (!Number.isSafeInteger(at) || at < 0) {
      throw argumentError('ERR_OUT_OF_RANGE', `The value of "position" is out of range. Received ${position}`);
    }
    // Reads that are under way at once each have a part of their own.
    if (!isExplicit) this.position += into.length;
    try {
      const bytes = await this.#readAt(at, into);
      if (!isExplicit) this.position -= into.length - bytes;
      return bytes;
    } catch (cause) {
      if (!isExplicit) this.position -= into.length;
      throw cause;
    }
  }

  #readAt(offset: number, into: Uint8Array): Promise<number> {
    return asFs('read', undefined, async () => {
      if (this.#closed) throw fsError('EBADF', 'read');
      if (!this.#opened.read) throw fsError('EISDIR', 'read');
      return this.#opened.read(offset, into);
    });
  }

  /** All from the current position on, or as text in an encoding. */
  readFile(options: BufferEncoding | (ReadFileOptions & { readonly encoding: BufferEncoding })): Promise<string>;
  readFile(options?: (ReadFileOptions & { readonly encoding?: 'buffer' | null | undefined }) | null): Promise<Buffer>;
  readFile(options?: EncodingOrOptions<ReadFileOptions>): Promise<string | Buffer>;
  async readFile(options?: EncodingOrOptions<ReadFileOptions>): Promise<string | Buffer> {
    const wanted = options === undefined || options === null ? undefined : options;
    const signal = typeof wanted === 'object' ? wanted.signal : undefined;
    const encoding =
      wanted === undefined || (typeof wanted === 'object' && !wanted.encoding) ? 'buffer' : encodingOf(wanted);
    const { size } = await this.stat();
    if (size > MAX_READ_BYTES) throw tooLarge(size);
    const chunks: Buffer[] = [];
    // As long as the file says it is, and then until it ends: another kernel's /proc has sizes of 0.
    for (let left = size - this.position; ; left -= PIECE_BYTES) {
      signal?.throwIfAborted();
      const piece = Buffer.allocUnsafeSlow(left > 0 ? Math.min(left, PIECE_BYTES) : 1);
      const bytes = await this.#read(piece, undefined);
      chunks.push(piece.subarray(0, bytes));
      if (bytes < piece.length) break;
    }
    const whole = Buffer.concat(chunks);
    return encoding === 'buffer' ? whole : whole.toString(encoding);
  }

  /** From `start` to `end`, both included; the handle is closed at its end unless `autoClose` is false. */
  createReadStream(options: ReadStreamOptions & { readonly autoClose?: boolean } = {}): Readable {
    const {
      start = 0,
      end = Number.POSITIVE_INFINITY,
      highWaterMark = CHUNK_BYTES,
      autoClose = true,
      signal,
    } = options;
    if (start > end) throw argumentError('ERR_OUT_OF_RANGE', `The value of "start" is out of range. ${start} > ${end}`);
    const { encoding } = options;
    let at = start;
    const stream = new Readable({
      highWaterMark,
      ...(encoding && encoding !== 'buffer' && { encoding }),
      ...(signal && { signal }),
      read: (size) => {
        const into = Buffer.allocUnsafeSlow(Math.min(Math.max(size, 1), end - at + 1));
        if (into.length === 0) {
          stream.push(null);
          return;
        }
        this.#readAt(at, into).then(
          (bytes) => {
            at += bytes;
            stream.push(bytes === 0 ? null : into.subarray(0, bytes));
          },
          (cause) => stream.destroy(cause),
        );
      },
      destroy: (error, done) => {
        const closed = autoClose ? this.close() : Promise.resolve();
        closed.then(
          () => done(error),
          (cause) => done(error ?? cause),
        );
      },
    });
    return stream;
  }

  /** The lines of a text file, without their ends. */
  readLines(options?: ReadStreamOptions): Interface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }

  close(): Promise<void> {
    this.#closed ??= asFs('close', this.#path, () => this.#opened.close());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
