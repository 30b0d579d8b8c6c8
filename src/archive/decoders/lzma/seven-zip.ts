/** A 7z archive with one image in it, and perhaps what people put beside one (7zFormat.txt of the LZMA SDK). Its directory is at its end: it is held in memory. */

import { concat } from '../../../bytes/concat.ts';
import { crc32 } from '../../../bytes/crc32.ts';
import type { Bytes } from '../../decompress.ts';
import { isCompanion } from '../companions.ts';
import { type Archive, type Folder, type Part, readArchive } from './seven-zip-header.ts';

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
    header = await collect(unfold(file, wholeOf(folder), needs), MAX_HEADER_BYTES);
    archive = readArchive(header);
  }
  yield* unfold(file, only(archive), needs);
}

/** A file, and where in the folder that it is packed in. */
interface Packed {
  readonly folder: Folder;
  readonly from: number;
  readonly part: Part;
}

const wholeOf = (folder: Folder): Packed => ({ folder, from: 0, part: folder });

function only({ folders, files }: Archive): Packed {
  const packed = folders.flatMap((folder) => {
    let end = 0;
    return folder.parts.map((part): Packed => {
      end += part.sizeBytes;
      return { folder, from: end - part.sizeBytes, part };
    });
  });
  const images = files.flatMap((name, index) => (files.length > 1 && isCompanion(name) ? [] : [index]));
  const [first = 0] = images;
  const found = packed[first];
  if (files.length > 1 && images.length === 0) throw new Error('no image is in it');
  if (found === undefined || packed.length < files.length) throw new Error('no file is in it');
  if (images.length > 1) {
    const names = images.slice(0, 5).map((index) => files[index]);
    const told = `${names.join(', ')}${images.length > 5 ? ' …' : ''}`;
    throw new Error(`several files are in it (${told}): unpack it, and take the one that is the image`);
  }
  return found;
}

async function* unfold(
  file: Uint8Array,
  { folder, from, part }: Packed,
  { methods, windowBytes }: SevenZipNeeds,
): Bytes {
  const method = methods[folder.method];
  if (method === undefined) throw new Error(`it uses a method that is not known here (${folder.method})`);
  const packed = file.subarray(SIGNATURE_BYTES + folder.at, SIGNATURE_BYTES + folder.at + folder.packedBytes);
  if (packed.length < folder.packedBytes) throw new Error('it ends too early');
  let crc = 0;
  let at = 0;
  let bytes = 0;
  const room = windowBytes === undefined ? {} : { windowBytes: windowBytes - file.length };
  for await (const chunk of method(one(packed), folder.properties, { sizeBytes: folder.sizeBytes, ...room })) {
    const piece = chunk.subarray(Math.max(0, from - at), Math.max(0, from + part.sizeBytes - at));
    at += chunk.length;
    crc = crc32(piece, crc);
    bytes += piece.length;
    if (piece.length > 0) yield piece;
    // What follows is another file's.
    if (bytes === part.sizeBytes && at < folder.sizeBytes) break;
  }
  if (bytes < part.sizeBytes) throw new Error('it ends too early');
  if (part.crc !== undefined && part.crc !== crc) throw new Error('its checksum is wrong');
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
