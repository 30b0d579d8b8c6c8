/** Collects bytes into chunks of one size for a sink that may push back. */

/** Takes a chunk and may keep it; what it answers is awaited before the next. */
export type Sink = (chunk: Uint8Array) => void | Promise<void>;

export interface ChunkOptions {
  readonly chunkBytes: number;
  /** The sink keeps no chunk: once what it answered has settled, the memory is used again. */
  readonly reused?: boolean;
}

/**
 * `push` copies at once, so a view of memory that is about to change will do; the bytes go to the sink
 * when `drain` is awaited next. Memory stays at one chunk plus what was pushed since.
 */
export class ChunkWriter {
  readonly #sink: Sink;
  readonly #chunkBytes: number;
  readonly #reused: boolean;
  readonly #spare: Uint8Array[] = [];
  #full: Uint8Array[] = [];
  #open: Uint8Array;
  #used = 0;
  #pushed = 0;

  constructor(sink: Sink, { chunkBytes, reused = false }: ChunkOptions) {
    this.#sink = sink;
    this.#chunkBytes = chunkBytes;
    this.#reused = reused;
    this.#open = new Uint8Array(chunkBytes);
  }

  /** Bytes pushed so far. */
  get pushed(): number {
    return this.#pushed;
  }

  push(bytes: Uint8Array): void {
    this.#pushed += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#chunkBytes - this.#used);
      this.#open.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === this.#chunkBytes) {
        this.#full.push(this.#open);
        this.#open = this.#spare.pop() ?? new Uint8Array(this.#chunkBytes);
        this.#used = 0;
      }
    }
  }

  /** Hand every full chunk to the sink. Answers a promise only if there is something to wait for. */
  drain(): void | Promise<void> {
    if (this.#full.length > 0) return this.#handOver();
  }

  async #handOver(): Promise<void> {
    const full = this.#full;
    this.#full = [];
    for (const chunk of full) {
      const taken = this.#sink(chunk);
      if (taken) await taken;
      if (this.#reused) this.#spare.push(chunk);
    }
  }

  /** Hand everything to the sink, the last chunk as short as it is. */
  async end(): Promise<void> {
    await this.drain();
    if (this.#used > 0) await this.#sink(this.#open.subarray(0, this.#used));
    this.#used = 0;
  }
}
