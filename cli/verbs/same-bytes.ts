/** Whether two files are the same, piece by piece, of which a number is so many bytes of a hole. */

import { isZero } from '../../src/node/zeros.ts';

export type Piece = Uint8Array | number;

/** What is left of the piece that was read last; undefined at the end. */
class Rest {
  readonly #pieces: AsyncIterator<Piece>;
  #piece: Piece | undefined = 0;

  constructor(pieces: AsyncIterable<Piece>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  get bytes(): number {
    return typeof this.#piece === 'number' ? this.#piece : (this.#piece?.length ?? 0);
  }

  /** False at the end. */
  async fill(): Promise<boolean> {
    while (this.#piece !== undefined && this.bytes === 0)
      this.#piece = (await this.#pieces.next()).value as Piece | undefined;
    return this.#piece !== undefined;
  }

  take(bytes: number): Piece {
    const piece = this.#piece ?? 0;
    this.#piece = typeof piece === 'number' ? piece - bytes : piece.subarray(bytes);
    return typeof piece === 'number' ? bytes : piece.subarray(0, bytes);
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

/** Pieces need not be of the same length. What is a hole in both is not looked at. */
export async function sameBytes(a: AsyncIterable<Piece>, b: AsyncIterable<Piece>): Promise<boolean> {
  const [first, second] = [new Rest(a), new Rest(b)];
  try {
    for (;;) {
      const [more, moreOfOther] = [await first.fill(), await second.fill()];
      if (!more || !moreOfOther) return more === moreOfOther;
      const bytes = Math.min(first.bytes, second.bytes);
      if (!isSame(first.take(bytes), second.take(bytes))) return false;
    }
  } finally {
    await first.close();
    await second.close();
  }
}

function isSame(a: Piece, b: Piece): boolean {
  if (typeof a === 'number') return typeof b === 'number' || isZero(b);
  return typeof b === 'number' ? isZero(a) : Buffer.compare(a, b) === 0;
}
