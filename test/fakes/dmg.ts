/** An Apple disk image (UDIF) of chunks that are packed already. */

import { concat } from '../../src/bytes/concat.ts';

export interface DmgChunk {
  /** 0x80000005 zlib, 6 bzip2, 7 LZFSE, 8 LZMA; 1 as it is, 0 zeros. */
  readonly type: number;
  readonly sectors: number;
  readonly packed: Uint8Array;
}

/** 512 bytes of a and of b. */
export const bzip2Sectors = [
  'QlpoOTFBWSZTWbwWqaAAAAGBAKAAAAggADCASeoGri7kinChIXgtU0A=',
  'QlpoOTFBWSZTWYagPw8AAAGBAJAAAAggADCASeoGri7kinChIQ1Afh4=',
].map((text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));

const words = (...values: readonly (readonly [value: number, bytes: 4 | 8])[]): Uint8Array => {
  const out = new DataView(new ArrayBuffer(values.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of values) {
    if (bytes === 8) out.setBigUint64(at, BigInt(value));
    else out.setUint32(at, value);
    at += bytes;
  }
  return new Uint8Array(out.buffer);
};
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function dmgOf(chunks: readonly DmgChunk[]): Uint8Array<ArrayBuffer> {
  let sectors = 0;
  let at = 0;
  const rows: Uint8Array[] = [];
  for (const { type, sectors: count, packed } of chunks) {
    rows.push(words([type, 4], [0, 4], [sectors, 8], [count, 8], [at, 8], [packed.length, 8]));
    sectors += count;
    at += packed.length;
  }
  rows.push(words([0xffffffff, 4], [0, 4], [sectors, 8], [0, 8], [at, 8], [0, 8]));
  const head = concat([text('mish'), words([1, 4], [0, 8], [sectors, 8], [0, 8], [520, 4], [0, 4])]);
  const table = concat([head, new Uint8Array(160), words([rows.length, 4]), ...rows]);
  const data = btoa(String.fromCharCode(...table));
  const xml = text(
    `<plist><dict><key>blkx</key><array><dict><key>Data</key><data>${data}</data></dict></array></dict></plist>`,
  );
  const trailer = new Uint8Array(512);
  trailer.set(concat([text('koly'), words([4, 4], [512, 4], [1, 4])]));
  trailer.set(words([at, 8], [xml.length, 8]), 216);
  trailer.set(words([sectors, 8]), 492);
  return concat([...chunks.map(({ packed }) => packed), xml, trailer]);
}
