/** Reads a byte stream by lines and lengths, with what came too early kept for the next. */

import { concat } from '../../bytes/concat.ts';
import { Gathered } from '../../bytes/gathered.ts';
import { latin1 } from '../../bytes/latin1.ts';
import type { ByteStream } from '../sockets/byte-stream.ts';

/** The other side did not speak as it should. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const LF = 0x0a;
const CR = 0x0d;

export class StreamReader {
  readonly #stream: Pick<ByteStream, 'read'>;
  #left: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(stream: Pick<ByteStream, 'read'>) {
    this.#stream = stream;
  }

  /** Some bytes, at most `most` of them; undefined at the end. */
  async some(most = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    if (this.#left.length === 0 && !(await this.#more())) return undefined;
    const bytes = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(bytes.length);
    return bytes;
  }

  /** Exactly so many; undefined when it ends before the first of them, an error when after that. */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    const first = await this.some(length);
    if (!first || first.length === length) return first;
    const there = new Gathered();
    there.add(first);
    while (there.length < length) {
      const piece = await this.some(length - there.length);
      if (!piece) throw new ProtocolError('it broke off');
      there.add(piece);
    }
    return there.take();
  }

  /** A line without its end (LF, or CR and LF), as Latin-1; undefined when there is none any more. */
  async line(mostBytes: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#left.indexOf(LF);
      if (end > mostBytes || (end < 0 && this.#left.length > mostBytes))
        throw new ProtocolError(`a line is longer than ${mostBytes} bytes`);
      if (end >= 0) {
        const line = this.#left.subarray(0, this.#left[end - 1] === CR ? end - 1 : end);
        this.#left = this.#left.subarray(end + 1);
        return latin1(line);
      }
      if (await this.#more()) continue;
      if (this.#left.length > 0) throw new ProtocolError('it broke off');
      return undefined;
    }
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const bytes = await this.#stream.read();
    if (!bytes) {
      this.#ended = true;
      return false;
    }
    this.#left = this.#left.length === 0 ? bytes : concat([this.#left, bytes]);
    return true;
  }
}
