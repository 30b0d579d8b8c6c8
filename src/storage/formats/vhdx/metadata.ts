/** What a VHDX file says of its disk: sizes, and where its parent is ([MS-VHDX] 2.6). */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { little64, readBytes, viewOf } from '../parts/table.ts';
import { guid, type Region, text, VHDX } from './header.ts';

export interface Metadata {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly sectorBytes: number;
  /** File names of the parent, the likeliest first. Undefined: it has none. */
  readonly parents: readonly string[] | undefined;
  /** What the parent's data were when this was made; there may be two where that is being changed. */
  readonly parentIds: readonly string[];
}

export const TABLE_BYTES = 64 * 1024;
const MAX_ENTRIES = 2047;
const MAX_ITEM_BYTES = 2 ** 20;

export const FILE_PARAMETERS = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b';
export const DISK_SIZE = '2fa54224-cd1b-4876-b211-5dbed83bf4b8';
export const SECTOR_SIZE = '8141bf1d-a96f-4709-ba47-f233a8faab5f';
export const PHYSICAL_SECTOR_SIZE = 'cda348c7-445d-4471-9cc9-e9885251c556';
/** "Page 83 data": an id of the disk. */
export const DISK_ID = 'beca12ab-b2e6-4523-93ef-c309e000c746';
const PARENT_LOCATOR = 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c';
const KNOWN = [FILE_PARAMETERS, DISK_SIZE, SECTOR_SIZE, PARENT_LOCATOR, DISK_ID, PHYSICAL_SECTOR_SIZE];

export async function readMetadata(source: ByteSource, region: Region): Promise<Metadata> {
  const table = await readBytes(VHDX, source, region.at, TABLE_BYTES);
  const view = viewOf(table);
  const count = view.getUint16(10, true);
  if (text(table, 0, 8) !== 'metadata' || count > MAX_ENTRIES) throw new FormatError(VHDX, 'its metadata is damaged');
  const items = new Map<string, Region>();
  for (let entry = 32; entry < 32 + 32 * count; entry += 32) {
    const id = guid(view, entry);
    const required = (view.getUint32(entry + 24, true) & 4) !== 0;
    if (required && !KNOWN.includes(id)) {
      throw new FormatError(VHDX, `it needs metadata that is not known here (${id})`, { code: 'EOPNOTSUPP' });
    }
    items.set(id, { at: region.at + view.getUint32(entry + 16, true), bytes: view.getUint32(entry + 20, true) });
  }
  const item = async (id: string, bytes?: number): Promise<Uint8Array> => {
    const found = items.get(id);
    if (found === undefined) throw new FormatError(VHDX, 'metadata that it must have is missing');
    const length = bytes ?? found.bytes;
    if (length > MAX_ITEM_BYTES) throw new FormatError(VHDX, `metadata of ${length} bytes`);
    return readBytes(VHDX, source, found.at, length);
  };

  const parameters = viewOf(await item(FILE_PARAMETERS, 8));
  const blockBytes = parameters.getUint32(0, true);
  const hasParent = (parameters.getUint32(4, true) & 2) !== 0;
  const sizeBytes = little64(viewOf(await item(DISK_SIZE, 8)), 0);
  const sectorBytes = viewOf(await item(SECTOR_SIZE, 4)).getUint32(0, true);
  const powerOf2 = (blockBytes & (blockBytes - 1)) === 0;
  if (blockBytes < 2 ** 20 || blockBytes > 2 ** 28 || !powerOf2)
    throw new FormatError(VHDX, `blocks of ${blockBytes} bytes`);
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw new FormatError(VHDX, `sectors of ${sectorBytes} bytes`);
  if (sizeBytes > 2 ** 46) throw new FormatError(VHDX, `a disk of ${sizeBytes} bytes`);
  const locator = hasParent ? locatorOf(await item(PARENT_LOCATOR)) : undefined;
  return {
    sizeBytes,
    blockBytes,
    sectorBytes,
    parents: locator && parentsOf(locator),
    // As text they have braces around them; one of zeros says nothing.
    parentIds: ['parent_linkage', 'parent_linkage2']
      .map((key) => (locator?.get(key) ?? '').toLowerCase().replaceAll(/[{}]/g, ''))
      .filter((id) => /[1-9a-f]/.test(id)),
  };
}

/** Texts of UTF-16 by key. */
function locatorOf(locator: Uint8Array): ReadonlyMap<string, string> {
  const view = viewOf(locator);
  const values = new Map<string, string>();
  const count = locator.length < 20 ? 0 : view.getUint16(18, true);
  for (let entry = 20; entry < 20 + 12 * count && entry + 12 <= locator.length; entry += 12) {
    const read = (at: number, bytes: number) =>
      new TextDecoder('utf-16le').decode(locator.subarray(at, at + bytes)).replace(/\0.*$/s, '');
    const key = read(view.getUint32(entry, true), view.getUint16(entry + 8, true));
    values.set(key, read(view.getUint32(entry + 4, true), view.getUint16(entry + 10, true)));
  }
  return values;
}

function parentsOf(values: ReadonlyMap<string, string>): string[] {
  const names = ['relative_path', 'absolute_win32_path', 'volume_path'].flatMap((key) => values.get(key) ?? []);
  if (names.length === 0) throw new FormatError(VHDX, 'it builds on a parent that it does not name');
  return names;
}
