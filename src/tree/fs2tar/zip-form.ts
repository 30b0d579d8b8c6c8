/** A tree as a zip, in the order in which it is read: sizes that are not known before the data stand behind them. */

import { errnos } from '../../abi/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/uapi/fs.ts';
import type { ChunkWriter } from '../../archive/chunk-writer.ts';
import { Deflater } from '../../archive/deflater.ts';
import type { TarEntry } from '../../archive/tar/tar-writer.ts';
import {
  descriptor,
  directoryLine,
  localHeader,
  type ZipData,
  type ZipEntry,
  zipEnd,
} from '../../archive/zip-writer.ts';
import { concat } from '../../bytes/concat.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { HostError } from '../../errors/host-error.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { ArchiveForm } from './form.ts';

/** Up to here a file is packed whole, and its header has its sizes: readers that stream want them there. */
const WHOLE_BYTES = 64 * 1024;
/** What is shorter hardly becomes shorter. */
const STORED_BYTES = 64;
const MAX_NAME_BYTES = 0xffff;
const SLASH = 0x2f;

const fileTypes = { file: S_IFREG, directory: S_IFDIR, symlink: S_IFLNK } as const;

interface Open {
  readonly entry: ZipEntry;
  readonly at: number;
  readonly whole: Uint8Array | undefined;
  readonly deflater: Deflater | undefined;
  bytes: number;
  crc: number;
  packedBytes: number;
}

/** The directory at the end is gathered in memory: some 100 bytes and a name for each entry, `directoryBytes` at most. */
export function zipForm(out: ChunkWriter, directoryBytes: number): ArchiveForm {
  const lines: Uint8Array[] = [];
  let linesBytes = 0;
  let open: Open | undefined;

  function done(entry: ZipEntry, data: ZipData, at: number): void {
    const line = directoryLine(entry, data, at);
    lines.push(line);
    linesBytes += line.length;
    if (linesBytes > directoryBytes)
      throw new HostError('zip-too-large', `the names of its files need more than ${directoryBytes} bytes`);
  }

  /** One whose data are all there. */
  async function put(entry: ZipEntry, bytes: Uint8Array): Promise<void> {
    const packed = bytes.length > STORED_BYTES ? await deflated(bytes) : bytes;
    const smaller = packed.length < bytes.length;
    const data = { crc: crc32(bytes), packedBytes: Math.min(packed.length, bytes.length) };
    const known = { ...entry, method: smaller ? 'deflated' : 'stored', packed: data } as const;
    const at = out.pushed;
    out.push(localHeader(known));
    out.push(smaller ? packed : bytes);
    done(known, data, at);
  }

  function take(it: Open): void {
    for (const piece of it.deflater?.take() ?? []) {
      it.packedBytes += piece.length;
      out.push(piece);
    }
  }

  return {
    errorsName: '.fs2zip-errors',
    hasHardLinks: false,
    hasHoles: false,
    hasSpecialFiles: false,
    hasXattrs: false,
    entry(entry) {
      const name = nameOf(entry);
      // The directory itself that is archived is where it is unpacked.
      if (name.length === 0) return;
      return put(entryOf(entry, name, entry.linkPath?.length ?? 0), entry.linkPath ?? new Uint8Array(0));
    },
    begin(file) {
      const entry = entryOf(file, nameOf(file), file.size ?? 0);
      const isWhole = entry.size <= WHOLE_BYTES;
      const whole = isWhole ? new Uint8Array(entry.size) : undefined;
      const deflater = isWhole ? undefined : new Deflater();
      open = { entry, at: out.pushed, whole, deflater, bytes: 0, crc: 0, packedBytes: 0 };
      if (!isWhole) out.push(localHeader(entry));
    },
    data(bytes) {
      const it = open;
      if (it === undefined) throw new RangeError('data without an entry');
      it.whole?.set(bytes, it.bytes);
      it.bytes += bytes.length;
      if (it.deflater === undefined) return;
      it.crc = crc32(bytes, it.crc);
      return it.deflater.write(bytes).then(() => take(it));
    },
    async end() {
      const it = open;
      if (it === undefined) throw new RangeError('an end without an entry');
      if (it.whole) await put(it.entry, it.whole);
      else {
        await it.deflater?.end();
        take(it);
        out.push(descriptor(it.entry, it));
        done(it.entry, it, it.at);
      }
      open = undefined;
    },
    finish() {
      const at = out.pushed;
      for (const line of lines) out.push(line);
      out.push(zipEnd(lines.length, at, linesBytes));
    },
    leave: () => open?.deflater?.abort(),
  };
}

const entryOf = ({ type, mode, uid, gid, mtimeNs }: TarEntry, name: Uint8Array, size: number): ZipEntry => {
  const format = type === 'directory' || type === 'symlink' ? fileTypes[type] : fileTypes.file;
  return { name, mode: format | mode, uid, gid, mtimeNs, method: 'deflated', size };
};

/** Without "./", a directory with a slash behind it. */
function nameOf({ type, path }: TarEntry): Uint8Array {
  const name = path.length === 1 ? path.subarray(1) : path.subarray(2);
  const isFolder = type === 'directory' && name.length > 0;
  if (name.length + (isFolder ? 1 : 0) > MAX_NAME_BYTES) throw new KernelError('openat', errnos.ENAMETOOLONG.number);
  return isFolder ? Uint8Array.of(...name, SLASH) : name;
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const deflater = new Deflater();
  const written = deflater.write(bytes);
  await Promise.all([written, deflater.end()]);
  return concat(deflater.take());
}
