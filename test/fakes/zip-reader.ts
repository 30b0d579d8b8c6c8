/** Reads a zip by its directory, as tests want it: every field that is told twice must be the same. */

import { crc32 } from '../../src/bytes/crc32.ts';

export interface ZipRow {
  readonly name: Uint8Array;
  readonly isUtf8: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: number | undefined;
  readonly bytes: Uint8Array;
}

export async function readZip(zip: Uint8Array): Promise<readonly ZipRow[]> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = zip.length - 22;
  if (view.getUint32(end, true) !== 0x06054b50) throw new Error('no end of a zip');
  const rows: ZipRow[] = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const word = (offset: number) => view.getUint16(at + offset, true);
    const long = (offset: number) => view.getUint32(at + offset, true);
    if (long(0) !== 0x02014b50) throw new Error('no line of the directory');
    const name = zip.slice(at + 46, at + 46 + word(28));
    const local = long(42);
    const localName = zip.slice(local + 30, local + 30 + view.getUint16(local + 26, true));
    if (view.getUint32(local, true) !== 0x04034b50 || localName.join() !== name.join())
      throw new Error('another header');
    const dataAt = local + 30 + localName.length + view.getUint16(local + 28, true);
    const packed = zip.slice(dataAt, dataAt + long(20));
    const bytes = word(10) === 0 ? packed : await inflated(packed);
    if (bytes.length !== long(24) || crc32(bytes) !== long(16)) throw new Error('other data');
    const extra = fieldsOf(zip.slice(at + 46 + name.length, at + 46 + name.length + word(30)));
    rows.push({
      name,
      bytes,
      isUtf8: (word(8) & 2048) !== 0,
      mode: long(38) >>> 16,
      uid: extra.get(0x7875)?.getUint32(2, true) ?? -1,
      mtime: extra.get(0x5455)?.getInt32(1, true),
    });
    at += 46 + name.length + word(30);
  }
  if (at !== end) throw new Error('something behind the directory');
  return rows;
}

function fieldsOf(extra: Uint8Array): Map<number, DataView> {
  const view = new DataView(extra.buffer);
  const fields = new Map<number, DataView>();
  for (let at = 0; at < extra.length; at += 4 + view.getUint16(at + 2, true))
    fields.set(view.getUint16(at, true), new DataView(extra.buffer, at + 4, view.getUint16(at + 2, true)));
  return fields;
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
