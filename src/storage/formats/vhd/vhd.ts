/** VHD, the format of Virtual PC and of Azure: fixed, dynamic, and differencing with a parent. */

import { toHex } from '../../../bytes/hex.ts';
import type { MaybePromise } from '../../block-device.ts';
import { type ByteSource, window } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Ends, Format, FormatContext, OpenedFormat } from '../format.ts';
import { tableReach } from '../parts/cut.ts';
import { type Blocks, growingDisk } from '../parts/growing.ts';
import { beneath, mapped, type Piece, zeros } from '../parts/mapped.ts';
import { mustBeParent } from '../parts/parent.ts';
import { places } from '../parts/places.ts';
import { after, big64, readBytes, tables, viewOf } from '../parts/table.ts';
import { damageOf } from '../parts/written-table.ts';
import { type DynamicVhd, dynamicBlocks } from './blocks.ts';

const VHD = 'vhd';
/** At the end of the file, and of a disk that grows also at its begin. Old ones lack the last byte. */
const FOOTER_BYTES = 512;
const OLD_FOOTER_BYTES = 511;
const COOKIE = 'conectix';
const DYNAMIC_BYTES = 1024;
const DYNAMIC_COOKIE = 'cxsparse';
const SECTOR = 512;
const FIXED = 2;
const DYNAMIC = 3;
const DIFFERENCING = 4;
const UNUSED = 0xffffffff;
/** The format knows 512 KiB and 2 MiB; tools write others. */
const MAX_BLOCK_BYTES = 2 ** 30;

const text = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

/** Of a footer, whose checksum is right. */
function isFooter(bytes: Uint8Array): boolean {
  if (bytes.length < OLD_FOOTER_BYTES || text(bytes, 0, 8) !== COOKIE) return false;
  return viewOf(bytes).getUint32(64) === checksum(bytes, 64);
}

/** Of a footer or a header; it does not count itself, which is at `at`. */
export function checksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    if (index < at || index >= at + 4) sum += bytes[index] ?? 0;
  }
  return ~sum >>> 0;
}

/** The footer and where the disk's bytes can be before it. Of a file that lost its end, the copy at its begin. */
function footerOf({ head, tail, sizeBytes }: Ends): { readonly footer: Uint8Array; readonly at: number } | undefined {
  for (const length of [FOOTER_BYTES, OLD_FOOTER_BYTES]) {
    const footer = tail.subarray(Math.max(0, tail.length - length));
    if (footer.length === length && isFooter(footer)) return { footer, at: sizeBytes - length };
  }
  const copy = head.subarray(0, FOOTER_BYTES);
  return isFooter(copy) && viewOf(copy).getUint32(60) !== FIXED ? { footer: copy, at: sizeBytes } : undefined;
}

export const vhd: Format = {
  name: VHD,
  matches: (ends) => {
    if (footerOf(ends) !== undefined) return true;
    // A disk that grows and whose both footers are damaged is still told from a disk.
    return text(ends.head, 0, 8) === COOKIE && text(ends.head, FOOTER_BYTES, 8) === DYNAMIC_COOKIE;
  },
  async open(source, context) {
    const { sizeBytes } = source;
    const tail = await readBytes(VHD, source, Math.max(0, sizeBytes - FOOTER_BYTES), Math.min(FOOTER_BYTES, sizeBytes));
    const head = await readBytes(VHD, source, 0, Math.min(FOOTER_BYTES, sizeBytes));
    const found = footerOf({ head, tail, sizeBytes });
    if (found === undefined) throw new FormatError(VHD, 'both of its footers are damaged');
    const footer = viewOf(found.footer);
    const diskBytes = big64(footer, 48);
    if (!Number.isSafeInteger(diskBytes)) throw new FormatError(VHD, `a disk of ${diskBytes} bytes`);
    const id = idIn(found.footer, 68);
    const own = id === undefined ? {} : { id };
    switch (footer.getUint32(60)) {
      case FIXED:
        if (diskBytes > found.at) throw new FormatError(VHD, `a disk of ${diskBytes} bytes in a file that is shorter`);
        return { content: window(source, 0, diskBytes), writes: true, note: 'fixed', ...own };
      case DYNAMIC:
        return { ...(await openSparse(source, diskBytes, big64(footer, 16), undefined, found.footer)), ...own };
      case DIFFERENCING:
        return { ...(await openSparse(source, diskBytes, big64(footer, 16), context, found.footer)), ...own };
      default:
        throw new FormatError(VHD, `disks of type ${footer.getUint32(60)} are not read here`, { code: 'EOPNOTSUPP' });
    }
  },
};

/** With a `context`, it holds the changes to a parent. */
async function openSparse(
  source: ByteSource,
  sizeBytes: number,
  headerAt: number,
  context: FormatContext | undefined,
  footer: Uint8Array,
): Promise<OpenedFormat> {
  const bytes = await readBytes(VHD, source, headerAt, DYNAMIC_BYTES);
  const header = viewOf(bytes);
  if (text(bytes, 0, 8) !== DYNAMIC_COOKIE || header.getUint32(36) !== checksum(bytes, 36)) {
    throw new FormatError(VHD, 'the header of its table is damaged');
  }
  const tableAt = big64(header, 16);
  const entries = header.getUint32(28);
  const blockBytes = header.getUint32(32);
  if (blockBytes % SECTOR !== 0 || blockBytes === 0 || blockBytes > MAX_BLOCK_BYTES) {
    throw new FormatError(VHD, `blocks of ${blockBytes} bytes`);
  }
  if (Math.ceil(sizeBytes / blockBytes) > entries) {
    throw new FormatError(VHD, `a disk of ${sizeBytes} bytes in ${entries} blocks of ${blockBytes}`);
  }
  const parent = context && (await openParent(source, bytes, context));
  const bitmapBytes = Math.ceil(blockBytes / SECTOR / 8 / SECTOR) * SECTOR;
  const table = tables(VHD, source);

  /** One bit a sector, the first the highest of its byte: whether it is here or in the parent. */
  const changed = (dataAt: number, offset: number): MaybePromise<Piece> => {
    const within = offset % blockBytes;
    const sector = Math.floor(within / SECTOR);
    return after(table.view(dataAt - bitmapBytes + (sector >> 3), 1), (view) => {
      const bits = view.getUint8(0);
      const isHere = (at: number) => (bits >> (7 - (at & 7))) & 1;
      let end = sector + 1;
      while ((end & 7) !== 0 && end * SECTOR < blockBytes && isHere(end) === isHere(sector)) end += 1;
      const length = end * SECTOR - within;
      return isHere(sector)
        ? { kind: 'bytes', bytes: length, source, at: dataAt + within }
        : beneath(parent?.content, offset, length);
    });
  };

  let readOnly = parent && 'it holds the changes to a parent';
  if (source.write && !parent) {
    const opened = await writtenBlocks(source, {
      sizeBytes,
      blockBytes,
      bitmapBytes,
      tableAt,
      header: { from: headerAt, to: headerAt + DYNAMIC_BYTES },
      headersEnd: Math.max(headerAt + DYNAMIC_BYTES, tableAt + 4 * entries, FOOTER_BYTES),
      footer,
    });
    if (typeof opened !== 'string') return { content: growingDisk(source, opened), writes: true, note: 'dynamic' };
    readOnly = opened;
  }
  const blocksAt = places(VHD, [
    { at: 0, bytes: FOOTER_BYTES },
    { at: headerAt, bytes: DYNAMIC_BYTES },
    { at: tableAt, bytes: 4 * entries },
  ]);
  const content = mapped({
    name: VHD,
    sizeBytes,
    find(offset) {
      const within = offset % blockBytes;
      const bytes = blockBytes - within;
      return after(table.view(tableAt + 4 * Math.floor(offset / blockBytes), 4), (view) => {
        const entry = view.getUint32(0);
        if (entry === UNUSED) return parent ? beneath(parent.content, offset, bytes) : zeros(bytes);
        const dataAt = entry * SECTOR + bitmapBytes;
        blocksAt.check(entry * SECTOR, 1);
        // Without a parent, sectors that were never written are there as zeros.
        return parent ? changed(dataAt, offset) : { kind: 'bytes', bytes, source, at: dataAt + within };
      });
    },
  });
  const note = parent ? 'differencing' : 'dynamic';
  const map = { at: tableAt, entries: Math.ceil(sizeBytes / blockBytes), entryBytes: 4 };
  const claimedBytes = await tableReach(source, map, (view, at, index) => {
    const entry = view.getUint32(at);
    const length = bitmapBytes + Math.min(blockBytes, sizeBytes - index * blockBytes);
    return entry === UNUSED ? 0 : blocksAt.saw(entry * SECTOR, length);
  });
  blocksAt.compare();
  return { content, note, claimedBytes, layers: parent?.layers ?? [], ...(readOnly !== undefined && { readOnly }) };
}

/** Its blocks, or why they are not written. */
const writtenBlocks = async (source: ByteSource, disk: DynamicVhd): Promise<Blocks | string> =>
  disk.footer.length < FOOTER_BYTES ? 'its footer is of an old kind' : dynamicBlocks(source, disk).catch(damageOf);

const LOCATORS_AT = 576;
const LOCATORS = 8;
const LOCATOR_BYTES = 24;
const MAX_PATH_BYTES = 4096;

/** The parent by its path relative to this file, else by its name. */
async function openParent(source: ByteSource, header: Uint8Array, context: FormatContext) {
  const names = [new TextDecoder('utf-16be').decode(header.subarray(64, 64 + 512)).replace(/\0.*$/s, '')];
  for (let index = 0; index < LOCATORS; index += 1) {
    const locator = viewOf(header.subarray(LOCATORS_AT + index * LOCATOR_BYTES));
    // "W2ru": relative, in UTF-16 of little end.
    if (locator.getUint32(0) !== 0x57327275) continue;
    const bytes = Math.min(locator.getUint32(8), MAX_PATH_BYTES) & ~1;
    const path = await readBytes(VHD, source, big64(locator, 16), bytes);
    names.unshift(new TextDecoder('utf-16le').decode(path).replace(/\0.*$/s, ''));
  }
  const name = names.find((path) => path !== '');
  if (name === undefined) throw new FormatError(VHD, 'it builds on a parent that it does not name');
  const parent = await context.parent(VHD, name);
  mustBeParent(VHD, name, parent.id, [idIn(header, 40)]);
  return parent;
}

/** A UUID; undefined where it is nothing but zeros. */
function idIn(bytes: Uint8Array, at: number): string | undefined {
  const id = toHex(bytes.subarray(at, at + 16));
  return /[^0]/.test(id) ? id : undefined;
}
