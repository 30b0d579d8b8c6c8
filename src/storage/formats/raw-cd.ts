/** Raw sectors of a CD: 2352 bytes each, of which a file system sees 2048 (ECMA-130, 14; Yellow Book). */

import type { ByteSource } from '../byte-source.ts';
import { FormatError } from '../errors.ts';
import type { Format } from './format.ts';
import { mapped } from './parts/mapped.ts';
import { counted, readBytes } from './parts/table.ts';

const CD = 'raw-cd';
const RAW_BYTES = 2352;
const DATA_BYTES = 2048;
const SYNC = Uint8Array.of(0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0);
/** After the sync pattern: minute, second, frame, mode. Then the data, or in mode 2 eight bytes of a subheader first. */
const MODE_AT = 15;
const dataAt: Readonly<Record<number, number>> = { 1: 16, 2: 24 };

const isSector = (bytes: Uint8Array, at: number) => SYNC.every((byte, index) => bytes[at + index] === byte);

export const rawCd: Format = {
  name: CD,
  matches: ({ head }) =>
    head.length > RAW_BYTES + MODE_AT && isSector(head, 0) && isSector(head, RAW_BYTES) && (head[MODE_AT] ?? 0) <= 2,
  async open(source) {
    const mode = (await readBytes(CD, source, MODE_AT, 1))[0] ?? 0;
    const from = dataAt[mode];
    if (from === undefined) throw new FormatError(CD, 'its first sector has no data');
    const isCut = source.sizeBytes % RAW_BYTES !== 0;
    const cut = `the ${CD} has ${counted(source.sizeBytes)} bytes, which are no whole sectors of ${RAW_BYTES}`;
    return { content: sectors(source, from), note: `mode ${mode}`, ...(isCut && { cut }) };
  },
};

const sectors = (source: ByteSource, from: number): ByteSource =>
  mapped({
    name: CD,
    sizeBytes: Math.floor(source.sizeBytes / RAW_BYTES) * DATA_BYTES,
    find(offset) {
      const within = offset % DATA_BYTES;
      const at = Math.floor(offset / DATA_BYTES) * RAW_BYTES + from + within;
      return { kind: 'bytes', bytes: DATA_BYTES - within, source, at };
    },
  });
