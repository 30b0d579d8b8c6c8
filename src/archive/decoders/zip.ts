/** A zip with one file in it, read from its begin on (PKWARE's APPNOTE.TXT). */

import { crc32 } from '../../bytes/crc32.ts';
import { type ByteReader, byteReader } from '../byte-reader.ts';
import { type Bytes, ZIP_MARK_BYTES } from '../decompress.ts';
import { isCompanion } from './companions.ts';
import { inflate64 } from './inflate.ts';
import type { InflateRaw } from './inflated.ts';

const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const HEADER_BYTES = 30;
const ENCRYPTED = 1;
/** Sizes and checksum stand behind the data. */
const STREAMED = 1 << 3;
const STORED = 0;
const DEFLATED = 8;
const DEFLATED_64 = 9;
/** 4.4.5: those that have a name which says more than their number. */
const METHODS: Readonly<Record<number, string>> = { 1: 'shrink', 6: 'implode', 96: 'JPEG', 97: 'WavPack', 98: 'PPMd' };

export interface ZipNeeds {
  readonly inflateRaw: InflateRaw;
  /** Other methods by their numbers; of each the whole data is given, and how long it was. */
  readonly methods: Readonly<Record<number, (source: Bytes, sizeBytes: number) => Bytes>>;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly streamed: boolean;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
}

const early = () => new Error('it ends too early');

/** A second file that may be an image is an error: which is meant? */
export async function* unzip(source: Bytes, needs: ZipNeeds): Bytes {
  const input = byteReader(source);
  try {
    const mark = await input.take(ZIP_MARK_BYTES);
    if (mark[2] === 3) input.unread(mark); // it is the header's own
    let found: string | undefined;
    for (;;) {
      const header = await input.take(HEADER_BYTES);
      const view = new DataView(header.buffer, header.byteOffset);
      if (header.length < 4) throw early();
      if (view.getUint32(0, true) !== LOCAL) break; // the directory of what was before
      if (header.length < HEADER_BYTES) throw early();
      const entry = await readEntry(input, view);
      const passed = isCompanion(entry.name);
      if (!passed && found !== undefined) {
        throw new Error(
          `several files are in it (${found}, ${entry.name}): unpack it, and take the one that is the image`,
        );
      }
      if (!passed) found = entry.name;
      // Of what is passed only its end has to be found: to make a decoder for each of thousands of texts of nothing takes seconds.
      if (passed && !entry.streamed) for await (const _ of input.pass(entry.packedBytes));
      else for await (const chunk of contentOf(input, entry, needs)) if (!passed) yield chunk;
    }
    if (found === undefined) throw new Error('no image is in it');
  } finally {
    await input.close();
  }
}

async function readEntry(input: ByteReader, view: DataView): Promise<Entry> {
  const flags = view.getUint16(6, true);
  const name = new TextDecoder().decode(await input.take(view.getUint16(26, true)));
  const extra = await input.take(view.getUint16(28, true));
  if (flags & ENCRYPTED) throw new Error(`${name} is encrypted`);
  const sizes = { packedBytes: view.getUint32(18, true), sizeBytes: view.getUint32(22, true) };
  return {
    name,
    method: view.getUint16(8, true),
    streamed: (flags & STREAMED) !== 0,
    crc: view.getUint32(14, true),
    ...wideSizes(extra, sizes),
  };
}

/** Sizes of 4 GiB and more are in an extra field (4.5.3). */
function wideSizes(extra: Uint8Array, sizes: Pick<Entry, 'packedBytes' | 'sizeBytes'>) {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.length);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1 || at + 20 > extra.length) continue;
    if (sizes.sizeBytes !== 0xffffffff) return sizes;
    return {
      sizeBytes: Number(view.getBigUint64(at + 4, true)),
      packedBytes: Number(view.getBigUint64(at + 12, true)),
    };
  }
  return sizes;
}

async function* contentOf(input: ByteReader, entry: Entry, { inflateRaw, methods }: ZipNeeds): Bytes {
  const { method, name, streamed } = entry;
  const other = methods[method];
  const inflate = method === DEFLATED ? inflateRaw : method === DEFLATED_64 ? inflate64 : undefined;
  if (inflate === undefined && method !== STORED && other === undefined) {
    throw new Error(`${name} is compressed by a method that is not known here (${METHODS[method] ?? method})`);
  }
  if (inflate === undefined && streamed) throw new Error(`${name} does not tell its length before its end`);
  let crc = 0;
  let bytes = 0;
  const packed = () => input.pass(entry.packedBytes);
  const data = inflate
    ? inflate(streamed ? input : byteReader(packed()))
    : (other ?? ((source: Bytes) => source))(packed(), entry.sizeBytes);
  for await (const chunk of data) {
    crc = crc32(chunk, crc);
    bytes += chunk.length;
    yield chunk;
  }
  const expected = streamed ? await readDescriptor(input, bytes) : entry;
  if (expected.sizeBytes !== bytes) throw early();
  if (expected.crc !== crc) throw new Error(`the checksum of ${name} is wrong`);
}

/** With a signature or without, with sizes of 32 bits or of 64. */
async function readDescriptor(input: ByteReader, bytes: number): Promise<Pick<Entry, 'crc' | 'sizeBytes'>> {
  const words = async (count: number): Promise<DataView> => {
    const taken = await input.take(4 * count);
    if (taken.length < 4 * count) throw early();
    return new DataView(taken.buffer, taken.byteOffset);
  };
  const first = (await words(1)).getUint32(0, true);
  const crc = first === DESCRIPTOR ? (await words(1)).getUint32(0, true) : first;
  const sizes = await words(2);
  if (sizes.getUint32(4, true) === bytes) return { crc, sizeBytes: bytes };
  return { crc, sizeBytes: Number((await words(2)).getBigUint64(0, true)) };
}
