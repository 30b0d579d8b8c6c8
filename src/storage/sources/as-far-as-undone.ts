/** A compressed stream that ends early or is damaged: what could be undone of it, and why not all. */

import { DecompressError } from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';

const endsEarly = ({ cause }: HostError): boolean => cause instanceof DecompressError && cause.endsEarly;

/** What is found out while a stream is read to its end. */
export interface Undone {
  /** Why something is missing, as a sentence. Undefined: it is whole. */
  cut?: string;
}

/**
 * Ends where `bytes` does too early, and says so in `undone`. With nothing before that, or where what is there is damaged, it
 * fails as `bytes` does: what came before a wrong checksum may be wrong.
 */
export async function* asFarAsUndone(
  what: string,
  bytes: AsyncIterable<Uint8Array>,
  undone: Undone,
): AsyncGenerator<Uint8Array, void> {
  let length = 0;
  try {
    for await (const chunk of bytes) {
      length += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    if (!(cause instanceof HostError && endsEarly(cause)) || length === 0) throw cause;
    const why = cause.message.replace(/^not readable as \S+: /, '');
    undone.cut = `the ${what} is not whole (${why}): ${length.toLocaleString('en')} bytes of what is in it are there`;
  }
}
