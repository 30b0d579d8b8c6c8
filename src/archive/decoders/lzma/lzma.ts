/** .lzma files ("LZMA alone"): properties, the size of the dictionary, the size of the file, then one stream. */

import { concat } from '../../../bytes/concat.ts';
import { byteReader } from '../../byte-reader.ts';
import type { Bytes } from '../../decompress.ts';
import { LzmaCoder, MAX_DICTIONARY_BYTES, mustFit, SYMBOL_BYTES } from './lzma-coder.ts';

const HEADER_BYTES = 13;
/** Handed out at least so often. */
const PIECE_BYTES = 256 * 1024;

/** The header of a .lzma file, or undefined where it would be one that no tool writes. */
function lzmaHeader(head: Uint8Array) {
  if (head.length < HEADER_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset);
  const unknown = view.getBigUint64(5, true) === 0xffffffffffffffffn;
  const sizeBytes = view.getUint32(9, true) * 2 ** 32 + view.getUint32(5, true);
  return {
    properties: head[0] ?? 0,
    dictionaryBytes: view.getUint32(1, true),
    sizeBytes: unknown ? undefined : sizeBytes,
  };
}

/** `windowBytes`: what the host has for a dictionary. */
export async function* unlzma(source: Bytes, windowBytes = MAX_DICTIONARY_BYTES): Bytes {
  const input = byteReader(source);
  try {
    const header = lzmaHeader(await input.take(HEADER_BYTES));
    if (header === undefined) throw new Error('it ends too early');
    const { properties, sizeBytes } = header;
    yield* lzmaStream(
      input.some,
      properties,
      Math.min(header.dictionaryBytes, sizeBytes ?? Number.MAX_SAFE_INTEGER),
      sizeBytes,
      windowBytes,
    );
  } finally {
    await input.close();
  }
}

/** One stream, whose size or whose end marker ends it. */
export async function* lzmaStream(
  some: (bytes: number) => Promise<Uint8Array>,
  properties: number,
  dictionaryBytes: number,
  sizeBytes: number | undefined,
  windowBytes = MAX_DICTIONARY_BYTES,
): Bytes {
  mustFit(dictionaryBytes, windowBytes);
  const made: Uint8Array[] = [];
  const coder = new LzmaCoder(dictionaryBytes, (bytes) => made.push(bytes.slice()));
  coder.setProperties(properties);
  const end = sizeBytes ?? Number.MAX_SAFE_INTEGER;
  let rest: Uint8Array = new Uint8Array(0);
  let ended = false;
  const more = async (): Promise<void> => {
    const next = await some(PIECE_BYTES);
    ended = next.length === 0;
    rest = concat([rest, next]);
  };
  while (rest.length < 5 && !ended) await more();
  coder.begin(rest);
  rest = rest.subarray(5);
  for (;;) {
    const { used, marker } = coder.decode(rest, {
      end,
      enough: Math.min(end, coder.made + PIECE_BYTES),
      reserve: ended ? 0 : SYMBOL_BYTES,
    });
    rest = rest.subarray(used);
    coder.flush();
    yield* made.splice(0);
    if (marker && sizeBytes !== undefined && coder.made < sizeBytes) throw new Error('it ends too early');
    if (marker || coder.made === end) return;
    if (rest.length < SYMBOL_BYTES && !ended) await more();
    else if (rest.length === 0) throw new Error('it ends too early');
  }
}
