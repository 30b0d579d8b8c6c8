/** Tables in a file, read by the page and never whole: how far a format's indexes reach costs no memory. */

import type { MaybePromise } from '../../block-device.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { recentlyUsed } from './recently-used.ts';

const PAGE_BYTES = 16 * 1024;
const HELD_BYTES = 4 * 2 ** 20;

/** Looks at few bytes of a file that is looked at often. */
export interface Tables {
  /** At most 64 bytes from `offset` on. A FormatError where the file ends before. */
  view(offset: number, bytes: number): MaybePromise<DataView>;
}

export function tables(name: string, source: ByteSource): Tables {
  const pages = recentlyUsed<MaybePromise<Uint8Array>>(HELD_BYTES);

  const page = (number: number): MaybePromise<Uint8Array> => {
    const known = pages.get(number);
    if (known !== undefined) return known;
    const at = number * PAGE_BYTES;
    const bytes = new Uint8Array(Math.min(PAGE_BYTES, source.sizeBytes - at));
    const reading = source.read(at, bytes);
    if (!(reading instanceof Promise)) {
      pages.set(number, bytes, PAGE_BYTES);
      return bytes;
    }
    const read = reading.then(
      () => {
        pages.set(number, bytes, PAGE_BYTES);
        return bytes;
      },
      (cause) => {
        pages.delete(number);
        throw cause;
      },
    );
    pages.set(number, read, PAGE_BYTES);
    return read;
  };

  return {
    view(offset, bytes) {
      if (!(Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= source.sizeBytes)) {
        throw behindEnd(name, `a table at ${counted(offset)} lies`, source);
      }
      const number = Math.floor(offset / PAGE_BYTES);
      const from = offset - number * PAGE_BYTES;
      const cut = (found: Uint8Array) => new DataView(found.buffer, found.byteOffset + from, bytes);
      if (from + bytes <= PAGE_BYTES) {
        const found = page(number);
        return found instanceof Promise ? found.then(cut) : cut(found);
      }
      return across(page(number), page(number + 1), from, bytes);
    },
  };
}

async function across(
  first: MaybePromise<Uint8Array>,
  second: MaybePromise<Uint8Array>,
  from: number,
  bytes: number,
): Promise<DataView> {
  const joined = new Uint8Array(bytes);
  const head = (await first).subarray(from);
  joined.set(head);
  joined.set((await second).subarray(0, bytes - head.length), head.length);
  return new DataView(joined.buffer);
}

/** A number of bytes, for people. */
export const counted = (bytes: number): string => bytes.toLocaleString('en');

/** Nothing of the file tells whether it was longer or whether it is damaged. */
export const behindEnd = (name: string, what: string, { sizeBytes }: Pick<ByteSource, 'sizeBytes'>): FormatError =>
  new FormatError(name, `${what} behind the end of its ${counted(sizeBytes)} bytes: it is cut short or damaged`);

/** `then` for what may be there already: costs no turn of the event loop where it is. */
export function after<T, R>(value: MaybePromise<T>, use: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** A 64-bit number as it is in a file; where it is more than any file has bytes, it stays larger than all of them. */
export const big64 = (data: DataView, at: number): number => data.getUint32(at) * 2 ** 32 + data.getUint32(at + 4);
export const little64 = (data: DataView, at: number): number =>
  data.getUint32(at + 4, true) * 2 ** 32 + data.getUint32(at, true);

/** Bytes `[offset, offset + bytes)` of a file. `bytes` is bounded by the caller; a FormatError where the file ends before. */
export async function readBytes(
  name: string,
  source: ByteSource,
  offset: number,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && bytes >= 0 && offset + bytes <= source.sizeBytes)) {
    throw behindEnd(name, `${counted(bytes)} bytes at ${counted(offset)} lie`, source);
  }
  const into = new Uint8Array(bytes);
  await source.read(offset, into);
  return into;
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
