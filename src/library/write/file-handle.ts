/** A file of an image that is open for writing, with the FileHandle of node:fs/promises. */

import { Writable } from 'node:stream';
import type { WritableFile } from '../../tree/write/writable-file.ts';
import { asFs } from '../errors.ts';
import { FileHandle } from '../files/file-handle.ts';
import { partOf } from '../files/paths.ts';
import { modeOf, timeOf } from './flags.ts';

/** What is written: bytes, text in an encoding, or pieces of either. */
export type FileContent =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | NodeJS.ArrayBufferView>
  | AsyncIterable<string | NodeJS.ArrayBufferView>;

export interface WriteFileOptions {
  /** Of text. Default: `utf8`. */
  readonly encoding?: BufferEncoding | null | undefined;
  readonly mode?: string | number | undefined;
  readonly flag?: string | number | undefined;
  /** On the device when it settles. Default: false. */
  readonly flush?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions {
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: number | null | undefined;
}

export type TimeLike = string | number | bigint | Date;

const bytesOf = (piece: string | NodeJS.ArrayBufferView, encoding: BufferEncoding): Uint8Array =>
  typeof piece === 'string'
    ? Buffer.from(piece, encoding)
    : new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);

/** Writes without a position go on where the last one ended; files that are open to append grow at their end. */
export class WritableFileHandle extends FileHandle {
  readonly #file: WritableFile;
  /** Writes that are under way at once each have a place of their own, in the order in which they were made. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Made by `WritableImage.open`.
   *
   * @internal
   */
  constructor(file: WritableFile, path: string) {
    super(file, path);
    this.#file = file;
  }

  /** Writes `length` bytes of `buffer` from `offset` on, or text, at `position` (null: the current one). */
  write<From extends NodeJS.ArrayBufferView>(
    buffer: From,
    offset?: number | null | WriteOptions,
    length?: number | null,
    position?: number | null,
  ): Promise<{ readonly bytesWritten: number; readonly buffer: From }>;
  write(
    text: string,
    position?: number | null,
    encoding?: BufferEncoding,
  ): Promise<{ readonly bytesWritten: number; readonly buffer: string }>;
  async write(
    data: string | NodeJS.ArrayBufferView,
    second?: number | null | WriteOptions,
    third?: number | null | BufferEncoding,
    fourth?: number | null,
  ): Promise<{ readonly bytesWritten: number; readonly buffer: string | NodeJS.ArrayBufferView }> {
    if (typeof data === 'string') {
      const encoding = typeof third === 'string' ? third : 'utf8';
      const bytes = bytesOf(data, encoding);
      await this.#write(bytes, typeof second === 'number' ? second : undefined);
      return { bytesWritten: bytes.length, buffer: data };
    }
    const given: WriteOptions =
      second !== null && typeof second === 'object'
        ? second
        : { offset: second, length: typeof third === 'number' ? third : undefined, position: fourth };
    const { offset, length } = partOf(data, given);
    await this.#write(bytesOf(data, 'utf8').subarray(offset, offset + length), given.position ?? undefined);
    return { bytesWritten: length, buffer: data };
  }

  /** writev(2): the buffers one after another. */
  async writev<From extends readonly NodeJS.ArrayBufferView[]>(
    buffers: From,
    position?: number | null,
  ): Promise<{ readonly bytesWritten: number; readonly buffers: From }> {
    const bytes = Buffer.concat(buffers.map((buffer) => bytesOf(buffer, 'utf8')));
    await this.#write(bytes, position ?? undefined);
    return { bytesWritten: bytes.length, buffers };
  }

  #write(bytes: Uint8Array, position: number | undefined): Promise<void> {
    const at = position ?? this.position;
    if (position === undefined) this.position += bytes.length;
    return asFs('write', undefined, () => this.#file.write(at, bytes));
  }

  /** All of `content` from the current position on; what is behind it stays. */
  async writeFile(content: FileContent, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    const { encoding, signal, flush } = typeof options === 'string' ? { encoding: options } : (options ?? {});
    for await (const piece of piecesOf(content)) {
      signal?.throwIfAborted();
      await this.#write(bytesOf(piece, encoding ?? 'utf8'), undefined);
    }
    if (flush) await this.sync();
  }

  appendFile(content: FileContent, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    return this.writeFile(content, options);
  }

  /** ftruncate(2). */
  truncate(bytes = 0): Promise<void> {
    return asFs('ftruncate', undefined, () => this.#file.truncate(Math.max(0, bytes)));
  }
  /** fsync(2): on the device when it settles. */
  sync(): Promise<void> {
    return asFs('fsync', undefined, () => this.#file.sync());
  }
  /** fdatasync(2). */
  datasync(): Promise<void> {
    return asFs('fdatasync', undefined, () => this.#file.sync(true));
  }
  chmod(mode: string | number): Promise<void> {
    return asFs('fchmod', undefined, () => this.#file.chmod(modeOf(mode, 0)));
  }
  chown(uid: number, gid: number): Promise<void> {
    return asFs('fchown', undefined, () => this.#file.chown({ uid, gid }));
  }
  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return asFs('futime', undefined, () => this.#file.utimes({ atimeNs: timeOf(atime), mtimeNs: timeOf(mtime) }));
  }

  /** From `start` on, by default the current position; the handle is closed at its end unless `autoClose` is false. */
  createWriteStream({
    encoding = 'utf8',
    autoClose = true,
    start,
  }: {
    readonly encoding?: BufferEncoding | undefined;
    readonly autoClose?: boolean | undefined;
    readonly start?: number | undefined;
  } = {}): Writable {
    if (start !== undefined) this.position = start;
    return new Writable({
      defaultEncoding: encoding,
      decodeStrings: true,
      write: (chunk: Buffer, _, done) => {
        this.#last = this.#write(chunk, undefined).then(() => done(), done);
      },
      destroy: (error, done) => {
        const closed = autoClose ? this.#last.then(() => this.close()) : Promise.resolve();
        closed.then(
          () => done(error),
          (cause) => done(error ?? cause),
        );
      },
    });
  }
}

async function* piecesOf(content: FileContent): AsyncGenerator<string | NodeJS.ArrayBufferView, void> {
  if (typeof content === 'string' || ArrayBuffer.isView(content)) yield content;
  else yield* content;
}
