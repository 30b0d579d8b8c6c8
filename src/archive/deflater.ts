/** Raw DEFLATE by the platform's CompressionStream: what comes out is taken piece by piece, whoever reads it. */

export class Deflater {
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #ended: Promise<void>;
  #out: Uint8Array[] = [];

  constructor() {
    const { readable, writable } = new CompressionStream('deflate-raw');
    this.#writer = writable.getWriter();
    this.#ended = this.#pump(readable);
    this.#ended.catch(() => {}); // awaited at the end; a write fails with the same
    this.#writer.closed.catch(() => {});
  }

  async #pump(readable: ReadableStream<Uint8Array>): Promise<void> {
    const reader = readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#out.push(value);
    }
  }

  /** Takes `bytes`, which may change once it has settled. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes.slice());
  }

  async end(): Promise<void> {
    await this.#writer.close();
    await this.#ended;
  }

  /** For a stream that is left. */
  abort(): void {
    void this.#writer.abort().catch(() => {});
  }

  /** What has come out since. */
  take(): readonly Uint8Array[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}
