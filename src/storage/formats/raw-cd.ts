/** Raw sectors of a CD: 2352 bytes each, of which a file system sees 2048 (ECMA-130, 14; Yellow Book), with subchannels 2448. */

import type { ByteSource } from '../byte-source.ts';
import { FormatError } from '../errors.ts';
import type { Format } from './format.ts';
import { mapped } from './parts/mapped.ts';
import { counted, readBytes } from './parts/table.ts';

const CD = 'raw-cd';
/** The second with the 96 bytes of the subchannels of each sector behind it, as in .mdf and .bin of some programs. */
const SECTORS = [2352, 2448];
const DATA_BYTES = 2048;
const SYNC = Uint8Array.of(0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0);
/** After the sync pattern: minute, second, frame, mode. Then the data, or in mode 2 eight bytes of a subheader first. */
const MODE_AT = 15;
const dataAt: Readonly<Record<number, number>> = { 1: 16, 2: 24 };

const isSector = (bytes: Uint8Array, at: number) => SYNC.every((byte, index) => bytes[at + index] === byte);

const sectorBytes = (head: Uint8Array): number | undefined =>
  isSector(head, 0) ? SECTORS.find((bytes) => head.length > bytes + MODE_AT && isSector(head, bytes)) : undefined;

export const rawCd: Format = {
  name: CD,
  matches: ({ head }) => sectorBytes(head) !== undefined && (head[MODE_AT] ?? 0) <= 2,
  async open(source) {
    const head = await readBytes(CD, source, 0, Math.min(2 * 2448, source.sizeBytes));
    const [mode, rawBytes] = [head[MODE_AT] ?? 0, sectorBytes(head) ?? 2352];
    const from = dataAt[mode];
    if (from === undefined) throw new FormatError(CD, 'its first sector has no data');
    const isCut = source.sizeBytes % rawBytes !== 0;
    const cut = `the ${CD} has ${counted(source.sizeBytes)} bytes, which are no whole sectors of ${rawBytes}`;
    return { content: sectors(source, rawBytes, from), note: `mode ${mode}`, ...(isCut && { cut }) };
  },
};

const sectors = (source: ByteSource, rawBytes: number, from: number): ByteSource =>
  mapped({
    name: CD,
    sizeBytes: Math.floor(source.sizeBytes / rawBytes) * DATA_BYTES,
    find(offset) {
      const within = offset % DATA_BYTES;
      const at = Math.floor(offset / DATA_BYTES) * rawBytes + from + within;
      return { kind: 'bytes', bytes: DATA_BYTES - within, source, at };
    },
  });
