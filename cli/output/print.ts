/** Standard output for verbs that show things: lines are gathered and written many at once. */

import { standardOutput } from './output.ts';
import type { ByteSink } from './sink.ts';

const GATHERED_BYTES = 64 * 1024;

export class Printer {
  readonly #sink: ByteSink = standardOutput();
  #gathered: Uint8Array[] = [];
  #bytes = 0;

  /** `bytes` must not change until `end`, or another promise of this was awaited. */
  print(bytes: string | Uint8Array): void | Promise<void> {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    this.#gathered.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= GATHERED_BYTES) return this.#flush();
  }

  json(value: unknown): void | Promise<void> {
    return this.print(`${JSON.stringify(value, null, 2)}\n`);
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#sink.end();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#bytes = 0;
    await this.#sink.write(bytes);
  }
}

/** Prints what `work` does, all of it, also where it fails. */
export async function printing<T>(work: (printer: Printer) => Promise<T>): Promise<T> {
  const printer = new Printer();
  try {
    return await work(printer);
  } finally {
    await printer.end();
  }
}
