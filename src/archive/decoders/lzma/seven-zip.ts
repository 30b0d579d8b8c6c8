/** A 7z archive with one file in it (7zFormat.txt of the LZMA SDK). Its directory is at its end: it is held in memory. */

import { concat } from '../../../bytes/concat.ts';
import { crc32 } from '../../../bytes/crc32.ts';
import type { Bytes } from '../../decompress.ts';
import { type Archive, type Folder, readArchive } from './seven-zip-header.ts';

const SIGNATURE_BYTES = 32;
const MAX_HEADER_BYTES = 16 * 2 ** 20;

export interface SevenZipNeeds {
  /** Of the archive, compressed. */
  readonly maxBytes: number;
  /** What there is for a dictionary and the archive. Default: as the method has it. */
  readonly windowBytes?: number | undefined;
  /** By the method's id in hexadecimal; told the method's properties. */
  readonly methods: Readonly<Record<string, (source: Bytes, properties: Uint8Array, room: Unfolding) => Bytes>>;
}

export interface Unfolding {
  /** How long the result is. */
  readonly sizeBytes: number;
  /** What there is for a dictionary. */
  readonly windowBytes?: number;
}

export async function* un7zip(source: Bytes, needs: SevenZipNeeds): Bytes {
  const file = await collect(source, needs.maxBytes);
  const view = new DataView(file.buffer);
  if (file.length < SIGNATURE_BYTES) throw new Error('it ends too early');
  if (view.getUint32(8, true) !== crc32(file.subarray(12, 32))) throw new Error('its header is damaged');
  const at = SIGNATURE_BYTES + Number(view.getBigUint64(12, true));
  const bytes = Number(view.getBigUint64(20, true));
  if (at + bytes > file.length) throw new Error('it ends too early');
  let header = file.subarray(at, at + bytes);
  if (view.getUint32(28, true) !== crc32(header)) throw new Error('its directory is damaged');

  let archive = readArchive(header);
  while (archive.kind === 'packed') {
    const [folder] = archive.folders;
    if (folder === undefined || folder.sizeBytes > MAX_HEADER_BYTES) throw new Error('its directory is damaged');
    header = await collect(unfold(file, folder, needs), MAX_HEADER_BYTES);
    archive = readArchive(header);
  }
  yield* unfold(file, only(archive), needs);
}

function only({ folders, files }: Archive): Folder {
  const [folder] = folders.filter(({ sizeBytes }) => sizeBytes > 0);
  if (folder === undefined) throw new Error('no file is in it');
  if (files.length > 1) {
    const names = `${files.slice(0, 5).join(', ')}${files.length > 5 ? ' …' : ''}`;
    throw new Error(`several files are in it (${names}): unpack it, and take the one that is the image`);
  }
  return folder;
}

async function* unfold(file: Uint8Array, folder: Folder, { methods, windowBytes }: SevenZipNeeds): Bytes {
  const method = methods[folder.method];
  if (method === undefined) throw new Error(`it uses a method that is not known here (${folder.method})`);
  const packed = file.subarray(SIGNATURE_BYTES + folder.at, SIGNATURE_BYTES + folder.at + folder.packedBytes);
  if (packed.length < folder.packedBytes) throw new Error('it ends too early');
  let crc = 0;
  let bytes = 0;
  const room = windowBytes === undefined ? {} : { windowBytes: windowBytes - file.length };
  for await (const chunk of method(one(packed), folder.properties, { sizeBytes: folder.sizeBytes, ...room })) {
    const piece = chunk.subarray(0, folder.sizeBytes - bytes);
    crc = crc32(piece, crc);
    bytes += piece.length;
    yield piece;
  }
  if (bytes < folder.sizeBytes) throw new Error('it ends too early');
  if (folder.crc !== undefined && folder.crc !== crc) throw new Error('its checksum is wrong');
}

async function* one(bytes: Uint8Array): Bytes {
  yield bytes;
}

async function collect(source: Bytes, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new Error(`it is larger than ${maxBytes / 2 ** 20} MiB, which this host has to hold it: unpack it first`);
    }
    chunks.push(chunk.slice());
  }
  return concat(chunks);
}
