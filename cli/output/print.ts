/** Standard output for verbs that show things: lines are gathered and written many at once. */

import { standardOutput } from './output.ts';
import type { ByteSink } from './sink.ts';

/** The text of a value, with lists one element after another; those in an element too, where it has them as members. */
export function* jsonPieces(value: unknown, indent = ''): Generator<string, void, void> {
  if (Array.isArray(value) && value.length > 0) {
    let before = '[';
    for (const element of value) {
      yield `${before}\n${indent}  `;
      yield* jsonPieces(element ?? null, `${indent}  `);
      before = ',';
    }
    yield `\n${indent}]`;
  } else if (isRecord(value) && Object.values(value).some((member) => Array.isArray(member))) {
    let before = '{';
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${before}\n${indent}  ${JSON.stringify(name)}: `;
      yield* jsonPieces(member, `${indent}  `);
      before = ',';
    }
    yield `\n${indent}}`;
  } else yield JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !('toJSON' in value);

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

  /** As `JSON.stringify(value, null, 2)`, but never all of it as one text: what is listed may be longer than the longest. */
  async json(value: unknown): Promise<void> {
    for (const piece of jsonPieces(value)) await this.print(piece);
    await this.print('\n');
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
