/** An image file whose changes are kept beside it, and become part of it all at once: a kill at any moment leaves the old or the new. */

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HostError } from '../../errors/host-error.ts';
import { type ByteSource, checkBytes } from '../../storage/byte-source.ts';
import { ReadFailedError, StorageError } from '../../storage/errors.ts';
import { leaves } from '../left-behind.ts';
import type { WritableFile } from './writable-file.ts';

/** Where the changes of `path` are once all of them are there; until then a number follows the name. */
export const redoOf = (path: string): string => `${path}.redo`;

const MAGIC = Buffer.from('LKLREDO2');
const BLOCK = 4096;
/** At the end: bytes of the image before and after, how many blocks, where their numbers begin, magic. Numbers are u64. */
const FACTS = 4;
const TRAILER = MAGIC.length + FACTS * 8;

export interface RedoFile extends WritableFile {
  /** Makes the changes part of the image. What comes after a rejection is finished by whoever opens the image next, or was not begun. */
  apply(): void;
}

/** `file` is only read until the changes are applied; it has its lock, which is given back by `close`, with what was not applied. */
export function redoFile(path: string, file: WritableFile): RedoFile {
  const before = file.sizeBytes;
  let sizeBytes = before;
  const own = `${redoOf(path)}.${process.pid}`;
  // Of one who had this number before, and was killed: whoever has the lock is the only one.
  rmSync(own, { force: true });
  const gone = leaves(own);
  const fd = openSync(own, 'wx+', 0o600);
  /** By number of a block of the image: the block of ours that has it. */
  const blocks = new Map<number, number>();
  const block = Buffer.alloc(BLOCK);
  let isOpen = true;

  const current = (number: number): void => {
    const slot = blocks.get(number);
    if (slot !== undefined) readAll(fd, block, slot * BLOCK, own);
    else {
      readOrZeros(file, number * BLOCK, block);
    }
  };
  const put = (number: number, from: Uint8Array): void => {
    const slot = blocks.get(number) ?? blocks.size;
    writeAll(fd, from, slot * BLOCK, own);
    blocks.set(number, slot);
  };

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    writesAtOnce: true,
    ...(file.grow && {
      grow(bytes: number) {
        sizeBytes = Math.max(sizeBytes, bytes);
      },
    }),
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      readOrZeros(file, offset, into);
      overlaid(blocks, offset, into, (slot, part, from) => readAll(fd, part, slot * BLOCK + from, own));
    },
    write(offset, from) {
      checkBytes({ sizeBytes }, offset, from.length);
      for (let at = 0; at < from.length; ) {
        const [number, inside] = [Math.floor((offset + at) / BLOCK), (offset + at) % BLOCK];
        const length = Math.min(BLOCK - inside, from.length - at);
        if (length === BLOCK) put(number, from.subarray(at, at + BLOCK));
        else {
          current(number);
          block.set(from.subarray(at, at + length), inside);
          put(number, block);
        }
        at += length;
      }
    },
    // It is durable when all of it is.
    async flush() {},
    sync() {},
    apply() {
      if (blocks.size === 0) return;
      const numbers = new BigUint64Array(blocks.size);
      for (const [number, slot] of blocks) numbers[slot] = BigInt(number);
      const facts = BigUint64Array.from([before, sizeBytes, blocks.size, blocks.size * BLOCK].map(BigInt));
      const end = Buffer.concat([Buffer.from(numbers.buffer), Buffer.from(facts.buffer), MAGIC]);
      writeAll(fd, end, blocks.size * BLOCK, own);
      fsyncSync(fd);
      renameSync(own, redoOf(path));
      syncFolder(path);
      finishRedo(path, file);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      rmSync(own, { force: true });
      gone();
      file.close();
    },
  };
}

/** Of a file that ends at once; what is behind its end is zeros. */
function readOrZeros(file: WritableFile, offset: number, into: Uint8Array): void {
  const there = Math.max(0, Math.min(into.length, file.sizeBytes - offset));
  into.fill(0, there);
  if (there > 0) void file.read(offset, into.subarray(0, there));
}

interface OpenRedo {
  readonly fd: number;
  readonly path: string;
  /** Of the image once they are part of it. */
  readonly sizeBytes: number;
  readonly blocks: ReadonlyMap<number, number>;
}

/** The changes of `path` that are whole and not yet part of it. */
function openRedo(path: string, sizeBytes: number): OpenRedo | undefined {
  const name = redoOf(path);
  if (!existsSync(name)) return undefined;
  const fd = openSync(name, 'r');
  try {
    const { size } = fstatSync(fd);
    const trailer = Buffer.alloc(TRAILER);
    if (size < TRAILER) throw notOurs(name);
    readAll(fd, trailer, size - TRAILER, name);
    const facts = Array.from({ length: FACTS }, (_, i) => Number(trailer.readBigUInt64LE(8 * i)));
    const [before = 0, after = 0, count = 0, at = 0] = facts;
    const isWhole = trailer.subarray(8 * FACTS).equals(MAGIC) && at === count * BLOCK;
    // Whoever was finishing it may have made the image longer already.
    const isOfThis = [before, after].includes(sizeBytes);
    if (!isWhole || !isOfThis || size !== at + count * 8 + TRAILER) throw notOurs(name);
    const numbers = Buffer.alloc(count * 8);
    readAll(fd, numbers, at, name);
    const blocks = new Map<number, number>();
    for (let slot = 0; slot < count; slot++) blocks.set(Number(numbers.readBigUInt64LE(slot * 8)), slot);
    return { fd, path: name, blocks, sizeBytes: after };
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

const notOurs = (name: string): HostError =>
  new HostError('image-in-use', `${name} is not what lkl leaves beside an image: remove it if it is not needed`);

/** Whoever writes an image first, and has its lock, finishes what was begun, and takes away what never was whole. */
export function finishRedo(path: string, file: Pick<WritableFile, 'sizeBytes' | 'write' | 'grow' | 'sync'>): void {
  const [folder, begun] = [dirname(path), `${redoOf(basename(path))}.`];
  for (const name of readdirSync(folder)) {
    if (name.startsWith(begun) && /^\d+$/.test(name.slice(begun.length)) && name !== `${begun}${process.pid}`) {
      rmSync(join(folder, name), { force: true });
    }
  }
  const redo = openRedo(path, file.sizeBytes);
  if (!redo) return;
  try {
    const block = Buffer.alloc(BLOCK);
    file.grow?.(redo.sizeBytes);
    for (const [number, slot] of redo.blocks) {
      readAll(redo.fd, block, slot * BLOCK, redo.path);
      file.write(number * BLOCK, block.subarray(0, Math.min(BLOCK, file.sizeBytes - number * BLOCK)));
    }
    file.sync();
  } finally {
    closeSync(redo.fd);
  }
  rmSync(redo.path);
  syncFolder(path);
}

/** `source`, the file at `path`, as it is once what was begun is finished. */
export function withRedo<T extends ByteSource & { close(): Promise<void> }>(path: string, source: T): T {
  const redo = openRedo(path, source.sizeBytes);
  if (!redo) return source;
  const over = (offset: number, into: Uint8Array) =>
    overlaid(redo.blocks, offset, into, (slot, part, from) => readAll(redo.fd, part, slot * BLOCK + from, redo.path));
  return {
    ...source,
    sizeBytes: redo.sizeBytes,
    // A hole of the file is none where the change has something.
    zerosAt: () => 0,
    read(offset, into) {
      checkBytes(redo, offset, into.length);
      const there = Math.max(0, Math.min(into.length, source.sizeBytes - offset));
      into.fill(0, there);
      const pending = there > 0 ? source.read(offset, into.subarray(0, there)) : undefined;
      return pending ? pending.then(() => over(offset, into)) : over(offset, into);
    },
    async close() {
      closeSync(redo.fd);
      await source.close();
    },
  };
}

/** Puts what is in blocks over what was read of a range. */
function overlaid(
  blocks: ReadonlyMap<number, number>,
  offset: number,
  into: Uint8Array,
  read: (slot: number, part: Uint8Array, from: number) => void,
): void {
  for (let at = 0; at < into.length; ) {
    const inside = (offset + at) % BLOCK;
    const length = Math.min(BLOCK - inside, into.length - at);
    const slot = blocks.get(Math.floor((offset + at) / BLOCK));
    if (slot !== undefined) read(slot, into.subarray(at, at + length), inside);
    at += length;
  }
}

function readAll(fd: number, into: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < into.length; ) {
    const bytes = readSync(fd, into, done, into.length - done, position + done);
    if (bytes === 0) throw new ReadFailedError(`${path} ends too early`);
    done += bytes;
  }
}

function writeAll(fd: number, from: Uint8Array, position: number, path: string): void {
  try {
    for (let done = 0; done < from.length; ) done += writeSync(fd, from, done, from.length - done, position + done);
  } catch (cause) {
    throw new StorageError('EIO', `${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function syncFolder(path: string): void {
  const fd = openSync(dirname(path), 'r');
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
