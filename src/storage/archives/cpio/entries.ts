/** Reads cpio archives one after another, as Linux unpacks an initramfs: with zeros between them, and compressed ones too. */

import { type Compression, detectCompression, MAGIC_BYTES } from '../../../archive/decompress.ts';
import { type ByteSource, window } from '../../byte-source.ts';
import type { Entry, Problems } from '../entry.ts';
import { encodeDevice, Node, rawOf, S_IFLNK, S_IFMT, S_IFREG, shown } from '../node.ts';
import { HeaderReader } from '../reader.ts';
import { type CpioHeader, headerAt, isKnownType, LONGEST_HEADER } from './header.ts';

const TRAILER = 'TRAILER!!!';
const MAX_NAME_BYTES = 64 * 1024;
/** How many compressed archives may be one in another. */
const MAX_DEPTH = 4;
const ZEROS = 4096;

export interface CpioRead {
  readonly problems: Problems;
  /** What a segment that is compressed stands for. */
  unpack(source: ByteSource, compression: Compression): Promise<ByteSource>;
}

export async function* cpioEntries(source: ByteSource, read: CpioRead, depth = 0): AsyncGenerator<Entry, void> {
  const reader = new HeaderReader(source);
  const { problems } = read;
  for (let at = 0; ; ) {
    const start = await afterZeros(reader, at);
    if (start === undefined) return;
    const head = await reader.read(start, Math.max(LONGEST_HEADER, MAGIC_BYTES));
    if (headerAt(head) !== undefined) {
      const archive = new CpioArchive(reader, problems);
      yield* archive.entries(start);
      if (archive.end === undefined) return;
      at = archive.end;
      continue;
    }
    const compression = detectCompression(head);
    if (compression === undefined || depth === MAX_DEPTH) {
      problems.add(`there is no archive where one should be, at byte ${start}`);
      return;
    }
    // The decoders read whatever follows: archives that are compressed one after another become one stream.
    const inner = await read.unpack(window(source, start, source.sizeBytes - start), compression);
    yield* cpioEntries(inner, read, depth + 1);
    return;
  }
}

async function afterZeros(reader: HeaderReader, from: number): Promise<number | undefined> {
  for (let at = from; ; at += ZEROS) {
    const bytes = await reader.read(at, ZEROS);
    if (bytes.length === 0) return undefined;
    const found = bytes.findIndex((byte) => byte !== 0);
    if (found >= 0) return at + found;
  }
}

/** One archive, up to its trailer. */
class CpioArchive {
  /** Behind its trailer; undefined where it could not be read so far. */
  end: number | undefined;
  readonly #reader: HeaderReader;
  readonly #problems: Problems;
  /** Files of several names by device and number, as Linux's initramfs has them: data come with any of them. */
  readonly #linked = new Map<string, { readonly path: string; readonly node: Node }>();

  constructor(reader: HeaderReader, problems: Problems) {
    this.#reader = reader;
    this.#problems = problems;
  }

  async *entries(start: number): AsyncGenerator<Entry, void> {
    const { source } = this.#reader;
    for (let at = start; ; ) {
      const header = headerAt(await this.#reader.read(at, LONGEST_HEADER));
      if (header === undefined) {
        const where = at >= source.sizeBytes ? 'it has no end: it is cut short' : 'it is damaged: there is no header';
        return this.#problems.add(`${where}, at byte ${at}`);
      }
      const { align, headerBytes, nameBytes, size } = header;
      // Lengths count from the beginning of an archive; each begins at a multiple itself.
      const up = (offset: number) => start + Math.ceil((offset - start) / align) * align;
      if (nameBytes > MAX_NAME_BYTES)
        return this.#problems.add(`it is damaged: a name of ${nameBytes} bytes at byte ${at}`);
      const name = await this.#reader.read(at + headerBytes, nameBytes);
      if (name.length < nameBytes)
        return this.#problems.add(`it is cut short in a header, at byte ${source.sizeBytes}`);
      const path = rawOf(name).replace(/\0.*$/s, '');
      const dataAt = up(at + headerBytes + nameBytes);
      if (path === TRAILER) {
        this.end = up(dataAt + size);
        return;
      }
      const entry = await this.#entry(header, path, dataAt);
      if (entry) yield entry;
      if (dataAt + size > source.sizeBytes) return this.#problems.add(`it is cut short in ${shown(path)}`);
      at = up(dataAt + size);
    }
  }

  async #entry(header: CpioHeader, path: string, dataAt: number): Promise<Entry | undefined> {
    const { source } = this.#reader;
    const { mode, uid, gid, mtimeS, size, ino, dev, nlink, major, minor } = header;
    const type = mode & S_IFMT;
    if (!isKnownType(header)) {
      this.#problems.add(`${shown(path)} is of a type that Linux does not have`);
      return undefined;
    }
    const node = new Node({ mode: mode & 0o177777, uid, gid, mtimeS, mtimeNs: 0, xattrs: undefined });
    if (type === S_IFREG) {
      const key = nlink > 1 ? `${dev}:${ino}` : undefined;
      const first = key === undefined ? undefined : this.#linked.get(key);
      if (first) {
        if (size > 0) {
          first.node.size = size;
          first.node.data = { source, at: dataAt };
        }
        return { path, is: first.node };
      }
      if (key !== undefined) this.#linked.set(key, { path, node });
      node.size = size;
      node.data = { source, at: dataAt };
    } else if (type === S_IFLNK) {
      const target = await this.#reader.read(dataAt, Math.min(size, MAX_NAME_BYTES));
      node.target = rawOf(target).replace(/\0.*$/s, '');
      node.size = node.target.length;
    } else node.rdev = encodeDevice(major, minor);
    return { path, is: node };
  }
}
