/** What a program writes, as JSON has it: text where it is UTF-8, else base64. */

import { toBase64 } from '../../../bytes/base64.ts';

/** Of output, of fetched files, of a disk that is returned. */
export const MAX_INLINE_BYTES = 8 * 2 ** 20;

/** `name` with text, or `name_base64` with the bytes. */
export function asJson<Name extends string>(
  name: Name,
  bytes: Uint8Array,
): Partial<Record<Name | `${Name}_base64`, string>> {
  const text = textIn(bytes);
  const member = text === undefined ? { [`${name}_base64`]: toBase64(bytes) } : { [name]: text };
  return member as Partial<Record<Name | `${Name}_base64`, string>>;
}

function textIn(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const CONTINUATION = 0x80;
const LONGEST = 4;

/** Pieces of a stream, none of which ends within a character: one that is not all there yet waits for the next. */
export class WholeCharacters {
  #rest: Uint8Array = new Uint8Array(0);

  /** What there is up to the last whole character. */
  add(bytes: Uint8Array): Uint8Array {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const end = all.length - unfinished(all);
    this.#rest = all.subarray(end);
    return all.subarray(0, end);
  }

  /** What was still waiting. */
  end(): Uint8Array {
    return this.#rest;
  }
}

/** Bytes at the end that begin a character and do not end it. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back < LONGEST && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === CONTINUATION) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
