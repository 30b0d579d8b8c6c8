/** Reads a tar from header to header: ustar, GNU, pax, star and V7, archives one after another as well. */

import { modeByAcl } from '../../../archive/tar/acl.ts';
import { decimal, type PaxRecord, paxMap, paxRecords, timeOf, xattrsOf } from '../../../archive/tar/extended.ts';
import { isTarHeader, TAR_BLOCK, type TarHeader, tarHeader } from '../../../archive/tar/header.ts';
import { SparseError } from '../../../archive/tar/sparse.ts';
import type { ByteSource } from '../../byte-source.ts';
import type { Entry, Problems } from '../entry.ts';
import { isXattrName } from '../erofs/xattrs.ts';
import {
  encodeDevice,
  Node,
  type Raw,
  rawOf,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  shown,
} from '../node.ts';
import { HeaderReader } from '../reader.ts';
import { oldGnuSparse, paxSparse, type Sparse } from './sparse.ts';

/** A header of names and attributes is held whole. */
const MAX_EXTENSION_BYTES = 8 * 2 ** 20;
/** How far behind the end of an archive another one is looked for: longer than any block that tar writes at once. */
const MAX_PADDING = 16 * 2 ** 20;
const MAX_ID = 0xffffffff;

export interface TarRead {
  readonly problems: Problems;
  /** Layers of containers may lack the end: their digests tell that they are whole. */
  readonly mayLackEnd?: boolean;
}

/** Entries in the order of the archive. What is wrong with it goes to `problems`; after what cannot be read on, it ends. */
export async function* tarEntries(source: ByteSource, options: TarRead): AsyncGenerator<Entry, void> {
  const { problems, mayLackEnd = false } = options;
  const reader = new HeaderReader(source);
  const { sizeBytes } = source;
  let globals: readonly PaxRecord[] = [];
  let records: readonly PaxRecord[] = [];
  let longName: Raw | undefined;
  let longLink: Raw | undefined;
  let hasEnded = false;

  for (let at = 0; ; ) {
    const found = reader.read(at, TAR_BLOCK);
    const block = found instanceof Promise ? await found : found;
    if (block.length < TAR_BLOCK) {
      if (!hasEnded && !(mayLackEnd && block.length === 0)) {
        problems.add(`it has no end: it is cut short, or its last block is missing, at byte ${sizeBytes}`);
      }
      return;
    }
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      const next = await afterZeros(reader, at);
      if (next === undefined) return;
      hasEnded = next - at >= 2 * TAR_BLOCK;
      at = next;
      continue;
    }
    const header = isTarHeader(block) ? tarHeader(block) : undefined;
    if (header === undefined) {
      // Behind an end that is whole, whatever is there is not of the archive.
      if (!hasEnded) problems.add(`it is damaged at byte ${at}: there is no header where one should be`);
      return;
    }
    hasEnded = false;
    const dataAt = at + TAR_BLOCK;

    if ('xXgLK'.includes(header.type)) {
      const bytes = await extensionOf(reader, dataAt, header.size);
      if (typeof bytes === 'string') return problems.add(`${bytes} at byte ${at}`);
      if (header.type === 'L') longName = untilNul(bytes);
      else if (header.type === 'K') longLink = untilNul(bytes);
      else {
        const found = paxRecords(bytes);
        if (found === undefined) return problems.add(`an extended header is damaged at byte ${at}`);
        if (header.type === 'g') globals = [...globals, ...found].slice(-MAX_GLOBALS);
        else records = found;
      }
      at = dataAt + blocksOf(header.size);
      continue;
    }

    const pax = globals.length + records.length > 0 ? paxMap(globals, records) : NO_PAX;
    const entry = new TarEntry(header, pax, longName, longLink);
    let size = decimal(pax.get('size')) ?? header.size;
    if (!Number.isSafeInteger(size) || size < 0) return problems.add(`a size is damaged at byte ${at}`);
    if (size > 0 && entry.hasNoData && (await isHeaderAt(reader, dataAt))) size = 0; // tells of what it points to
    const type = header.type;
    if (type === 'M') return problems.add(`it begins with the rest of ${shown(entry.path)}, of another volume`);
    let sparse: Sparse | undefined;
    try {
      const map = type === 'S' ? await reader.read(at, TAR_BLOCK) : undefined;
      if (map && header.form !== 'gnu') throw new SparseError('sparse files as star writes them are not read here');
      if (map) sparse = await oldGnuSparse(reader, map.slice(), at, size);
      else if (entry.isFile) sparse = await paxSparse(reader, pax, records, dataAt, size);
    } catch (cause) {
      if (!(cause instanceof SparseError)) throw cause;
      return problems.add(`${shown(entry.path)}: ${cause.message}`);
    }
    if (entry.isVolumeLabel) {
      at = dataAt + blocksOf(size);
      records = [];
      continue;
    }
    const start = sparse?.dataAt ?? dataAt;
    const made = entry.node(source, start, size, sparse, problems);
    if (made) yield made;
    if (start + size > sizeBytes) {
      return problems.add(
        `it is cut short in ${shown(entry.path)}: it ends at byte ${sizeBytes} of at least ${start + size}`,
      );
    }
    at = start + blocksOf(size);
    records = [];
    longName = undefined;
    longLink = undefined;
  }
}

const NO_PAX: ReadonlyMap<Raw, Uint8Array> = new Map();
/** Of records that hold for all that follow: later ones take the place of earlier. */
const MAX_GLOBALS = 4096;

const blocksOf = (bytes: number): number => Math.ceil(bytes / TAR_BLOCK) * TAR_BLOCK;

const untilNul = (bytes: Uint8Array): Raw => {
  const end = bytes.indexOf(0);
  return rawOf(end < 0 ? bytes : bytes.subarray(0, end));
};

/** In words where it cannot be had. */
async function extensionOf(reader: HeaderReader, at: number, bytes: number): Promise<Uint8Array | string> {
  if (bytes > MAX_EXTENSION_BYTES) return `an extended header of ${bytes} bytes`;
  const found = (await reader.read(at, bytes)).slice();
  return found.length === bytes ? found : 'it is cut short in an extended header';
}

async function isHeaderAt(reader: HeaderReader, at: number): Promise<boolean> {
  const block = await reader.read(at, TAR_BLOCK);
  return isTarHeader(block) || (block.length === TAR_BLOCK && block.every((byte) => byte === 0));
}

/** Where something follows the zeros that begin at `at`; undefined where they fill the rest, or more than any padding does. */
async function afterZeros(reader: HeaderReader, at: number): Promise<number | undefined> {
  for (let next = at; next < at + MAX_PADDING; next += TAR_BLOCK) {
    const found = reader.read(next, TAR_BLOCK);
    const block = found instanceof Promise ? await found : found;
    if (block.length < TAR_BLOCK && block.every((byte) => byte === 0)) return undefined;
    if (block.some((byte) => byte !== 0)) return next;
  }
  return undefined;
}

/** An entry as its header, its extended headers and GNU's long names say together. */
class TarEntry {
  readonly path: Raw;
  readonly isFile: boolean;
  readonly isVolumeLabel: boolean;
  readonly #header: TarHeader;
  readonly #pax: ReadonlyMap<Raw, Uint8Array>;
  readonly #linkTo: Raw;
  readonly #type: number | 'link';

  constructor(
    header: TarHeader,
    pax: ReadonlyMap<Raw, Uint8Array>,
    longName: Raw | undefined,
    longLink: Raw | undefined,
  ) {
    const said = (key: Raw) => {
      const value = pax.get(key);
      return value && rawOf(value);
    };
    this.#header = header;
    this.#pax = pax;
    this.path = said('GNU.sparse.name') ?? said('path') ?? longName ?? header.path;
    this.#linkTo = said('linkpath') ?? longLink ?? header.linkTo;
    this.isVolumeLabel = header.type === 'V';
    this.#type = typeOf(header.type, this.path);
    this.isFile = this.#type === S_IFREG;
  }

  /** Of these a size is what it points to, or is nothing: some have the data behind them, most have not. */
  get hasNoData(): boolean {
    return !this.isFile && this.#header.type !== 'D' && !this.isVolumeLabel;
  }

  /** Undefined where it cannot be: `problems` tells why. */
  node(
    source: ByteSource,
    at: number,
    size: number,
    sparse: Sparse | undefined,
    problems: Problems,
  ): Entry | undefined {
    const { path } = this;
    // POSIX lets a link have the data once more: they are those that it leads to.
    if (this.#type === 'link') return { path, is: { linkTo: this.#linkTo } };
    const { mode, devMajor, devMinor } = this.#header;
    const [uid, gid] = [this.#id('uid', problems), this.#id('gid', problems)];
    const { seconds, nanoseconds } = this.#time(problems);
    const xattrs = this.#pax === NO_PAX ? undefined : xattrsOf(this.#pax, isXattrName);
    const acl = xattrs?.get('system.posix_acl_access');
    const permissions = mode & 0o7777;
    const node = new Node({
      mode: this.#type | (acl ? modeByAcl(permissions, acl) : permissions),
      uid,
      gid,
      mtimeS: seconds,
      mtimeNs: nanoseconds,
      xattrs,
    });
    if (node.type === S_IFREG) {
      node.size = sparse?.realSize ?? size;
      node.data = { source, at, ...(sparse && { extents: sparse.extents }) };
    } else if (node.type === S_IFLNK) {
      node.target = this.#linkTo;
      node.size = node.target.length;
    } else if (node.type === S_IFCHR || node.type === S_IFBLK) {
      const major = decimal(this.#pax.get('SCHILY.devmajor')) ?? devMajor;
      const minor = decimal(this.#pax.get('SCHILY.devminor')) ?? devMinor;
      if (!(major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff)) {
        problems.add(`${shown(path)} is a device of numbers that Linux does not have: ${major}, ${minor}`);
      }
      node.rdev = encodeDevice(major, minor);
    }
    return { path, is: node };
  }

  #id(key: 'uid' | 'gid', problems: Problems): number {
    const id = decimal(this.#pax.get(key)) ?? this.#header[key];
    // What is below 0 once fitted into fewer bits: -2 was "nobody".
    const wrapped = id < 0 && id >= -(2 ** 31) ? id + 2 ** 32 : id;
    if (Number.isSafeInteger(wrapped) && wrapped >= 0 && wrapped <= MAX_ID) return wrapped;
    problems.add(`${shown(this.path)} has a ${key} that Linux does not have: ${id}`);
    return 65_534;
  }

  #time(problems: Problems): { readonly seconds: number; readonly nanoseconds: number } {
    const told = this.#pax.get('mtime');
    if (told === undefined) return { seconds: this.#header.mtimeS, nanoseconds: 0 };
    const time = timeOf(told);
    if (time && Number.isSafeInteger(time.seconds)) return time;
    problems.add(`${shown(this.path)} has a time that is none: ${shown(rawOf(told).slice(0, 40))}`);
    return { seconds: 0, nanoseconds: 0 };
  }
}

/** Types that nobody knows are files, says POSIX. In V7 a directory is a file whose name ends with a slash. */
function typeOf(flag: string, path: Raw): number | 'link' {
  switch (flag) {
    case '1':
      return 'link';
    case '2':
      return S_IFLNK;
    case '3':
      return S_IFCHR;
    case '4':
      return S_IFBLK;
    case '5':
    case 'D':
      return S_IFDIR;
    case '6':
      return S_IFIFO;
    default:
      return path.endsWith('/') ? S_IFDIR : S_IFREG;
  }
}
