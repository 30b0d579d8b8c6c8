/** Decoders that every host has, because they are here. */

import { byteReader } from '../byte-reader.ts';
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
    zip: (source: Bytes) => unzip(source, { inflateRaw, methods: { 12: bunzip2, 93: zstd, 95: xz } }),
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

/** Five bytes: lc, lp and pb, and the size of the dictionary. */
async function* lzma7z(packed: Bytes, properties: Uint8Array, { sizeBytes, windowBytes }: Unfolding): Bytes {
  if (properties.length < 5) throw new Error('its directory is damaged');
  const input = byteReader(packed);
  const dictionary = new DataView(properties.buffer, properties.byteOffset).getUint32(1, true);
  yield* lzmaStream(input.some, properties[0] ?? 0, Math.min(dictionary, sizeBytes), sizeBytes, windowBytes);
}
