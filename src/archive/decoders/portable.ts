/** Decoders that every host has, because they are here. */

import { type ByteReader, byteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';
import { bunzip2 } from './bzip2.ts';
import type { InflateRaw } from './inflated.ts';
import { unlz4 } from './lz4.ts';
import { lzmaStream, unlzma } from './lzma/lzma.ts';
import { unlzma2 } from './lzma/lzma2.ts';
import { type Unfolding, un7zip } from './lzma/seven-zip.ts';
import { unlzop } from './lzop.ts';
import { unzip } from './zip.ts';

export interface PortableNeeds {
  readonly inflateRaw: InflateRaw;
  readonly xz: (source: Bytes) => Bytes;
  readonly zstd: (source: Bytes) => Bytes;
  /** Of archives that must be held to be read. */
  readonly maxHeldBytes: number;
  /** What there is for the dictionary of an LZMA stream, and what is held beside it. Default: 128 MiB, and what is held. */
  readonly windowBytes?: number | undefined;
}

export function portableDecoders({ inflateRaw, xz, zstd, maxHeldBytes, windowBytes }: PortableNeeds) {
  return {
    bzip2: bunzip2,
    lz4: unlz4,
    lzma: (source: Bytes) => unlzma(source, windowBytes),
    lzop: unlzop,
    zip: (source: Bytes) =>
      unzip(source, {
        inflateRaw,
        methods: {
          12: bunzip2,
          14: (packed, sizeBytes) => zipLzma(packed, { sizeBytes, ...(windowBytes !== undefined && { windowBytes }) }),
          93: zstd,
          95: xz,
        },
      }),
    '7z': (source: Bytes) =>
      un7zip(source, {
        maxBytes: maxHeldBytes,
        windowBytes,
        methods: {
          '00': (packed) => packed,
          '030101': lzma7z,
          '21': (packed, [dictionary = 0], room) => unlzma2(packed, dictionary, room),
          '040108': (packed) => inflateRaw(byteReader(packed)),
          '040202': bunzip2,
          '04f71101': zstd,
        },
      }),
  };
}

/** APPNOTE.TXT 5.8.8: the version of what packed it, and how many bytes of properties follow. */
async function* zipLzma(packed: Bytes, room: Unfolding): Bytes {
  const input = byteReader(packed);
  const head = await input.take(ZIP_LZMA_HEAD_BYTES + LZMA_PROPERTIES_BYTES);
  yield* lzmaOf(input, head.slice(ZIP_LZMA_HEAD_BYTES), room);
}
const ZIP_LZMA_HEAD_BYTES = 4;
const LZMA_PROPERTIES_BYTES = 5;

const lzma7z = (packed: Bytes, properties: Uint8Array, room: Unfolding): Bytes =>
  lzmaOf(byteReader(packed), properties, room);

/** Five bytes of properties: lc, lp and pb, and the size of the dictionary. */
async function* lzmaOf(input: ByteReader, properties: Uint8Array, { sizeBytes, windowBytes }: Unfolding): Bytes {
  if (properties.length < LZMA_PROPERTIES_BYTES) throw new Error('its directory is damaged');
  const dictionary = new DataView(properties.buffer, properties.byteOffset).getUint32(1, true);
  yield* lzmaStream(input.some, properties[0] ?? 0, Math.min(dictionary, sizeBytes), sizeBytes, windowBytes);
}
