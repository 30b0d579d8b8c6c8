/** The volume descriptors of UDF (ECMA-167 3): the anchor at sector 256 leads to them. */

import { fieldsAt } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

/** ECMA-167 3/7.2.1: tags of descriptors. */
export const UDF = { PRIMARY: 1, ANCHOR: 2, PARTITION: 5, LOGICAL: 6, TERMINATOR: 8 } as const;

const MAX_DESCRIPTORS = 64;
const RECOGNITION = 32_768;
const RECOGNIZED = /^(BEA01|NSR0[23]|TEA01|BOOT2|CD001)$/;

export interface UdfDescriptor {
  readonly bytes: Uint8Array;
  readonly sectorBytes: number;
}

/** Of discs with sectors of 4096 bytes the recognition sequence has one descriptor in each; else one in 2048 bytes (2/8.4). */
async function sectorSizes(volume: VolumeBytes): Promise<readonly number[]> {
  const second = await fieldsAt(volume, RECOGNITION + 2048, 8);
  return RECOGNIZED.test(second.ascii(1, 5)) ? [2048, 512, 1024] : [4096];
}

/** The first descriptor with `tag` of the volume descriptor sequence. `end`: where that ends, if the anchor is there alone. */
export async function udfDescriptor(
  volume: VolumeBytes,
  tag: number,
): Promise<UdfDescriptor | { readonly end: number } | undefined> {
  let end: number | undefined;
  for (const sectorBytes of await sectorSizes(volume)) {
    for (const anchorSector of [256, Math.floor(volume.sizeBytes / sectorBytes) - 1]) {
      if (anchorSector < 0) continue;
      const anchor = await fieldsAt(volume, anchorSector * sectorBytes, 512);
      if (anchor.u16(0) !== UDF.ANCHOR || anchor.u32(12) !== anchorSector) continue;
      const [length, location] = [anchor.u32(16), anchor.u32(20)];
      for (let n = 0; n < Math.min(MAX_DESCRIPTORS, length / sectorBytes); n += 1) {
        const { bytes } = await fieldsAt(volume, (location + n) * sectorBytes, 512);
        const found = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
        if (found === tag) return { bytes, sectorBytes };
        if (found === UDF.TERMINATOR) break;
      }
      end ??= location * sectorBytes + length;
    }
  }
  return end === undefined ? undefined : { end };
}
