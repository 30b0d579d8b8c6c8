/** The bytes of a volume by byte offsets: what tells its type, label, UUID and size is read through this. */

import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';
import { BehindEndError, DamagedInsideError } from '../../storage/errors.ts';

export interface VolumeBytes {
  /** Bytes that are there. */
  readonly sizeBytes: number;
  /** `length` bytes from `at` on; zeros where it ends before. */
  read(at: number, length: number): Promise<Uint8Array>;
  /** Why some of what was read is not what was there but zeros, where that is so: the format around it is damaged. */
  readonly damage?: DamagedInsideError | undefined;
}

/** Most of what is asked for lies in the first bytes: they are read together. */
const HEAD_BYTES = 68 * 1024;
const PAGE_BYTES = 4096;
const MAX_PAGES = 64;

/** Of `device`, from `start` on, up to `sizeBytes`. */
export function volumeBytes(device: BlockDevice, start = 0, sizeBytes = Number.POSITIVE_INFINITY): VolumeBytes {
  const end = Math.min(bytesOf(device), start + sizeBytes);
  let head: Promise<Uint8Array> | undefined;
  let damage: DamagedInsideError | undefined;
  /** False where some of it lies behind the end of what there is, or is lost. */
  const isThere = async (sector: number, into: Uint8Array): Promise<boolean> => {
    try {
      await device.read(sector, into);
      return true;
    } catch (cause) {
      if (cause instanceof DamagedInsideError) damage ??= cause;
      else if (!(cause instanceof BehindEndError)) throw cause;
      return false;
    }
  };
  const fetch = async (at: number, length: number): Promise<Uint8Array> => {
    const wanted = new Uint8Array(length);
    const from = start + at;
    const to = Math.min(from + length, end);
    if (!(from < to)) return wanted;
    const sector = Math.floor(from / SECTOR);
    const whole = new Uint8Array((Math.ceil(to / SECTOR) - sector) * SECTOR);
    if (!(await isThere(sector, whole))) {
      // Of what is wrapped in something that is cut short anything may be missing, and what lies beside it not.
      for (let done = 0; done < whole.length; done += PAGE_BYTES) {
        const piece = whole.subarray(done, done + PAGE_BYTES);
        if (!(await isThere(sector + done / SECTOR, piece))) piece.fill(0);
      }
    }
    wanted.set(whole.subarray(from - sector * SECTOR, to - sector * SECTOR));
    return wanted;
  };
  /** What is asked for elsewhere is small, and more is asked for next to it. */
  const pages = new Map<number, Promise<Uint8Array>>();
  const fromPages = async (at: number, length: number): Promise<Uint8Array> => {
    const wanted = new Uint8Array(length);
    for (let page = Math.floor(at / PAGE_BYTES); page * PAGE_BYTES < at + length; page += 1) {
      if (pages.size >= MAX_PAGES) pages.clear();
      const kept = pages.get(page) ?? fetch(page * PAGE_BYTES, PAGE_BYTES);
      pages.set(page, kept);
      const bytes = await kept;
      const from = Math.max(at, page * PAGE_BYTES);
      const to = Math.min(at + length, (page + 1) * PAGE_BYTES);
      wanted.set(bytes.subarray(from - page * PAGE_BYTES, to - page * PAGE_BYTES), from - at);
    }
    return wanted;
  };
  return {
    sizeBytes: Math.max(0, end - start),
    get damage() {
      return damage;
    },
    async read(at, length) {
      if (!Number.isSafeInteger(at) || at < 0) return new Uint8Array(length);
      if (at + length > HEAD_BYTES) return length > PAGE_BYTES ? fetch(at, length) : fromPages(at, length);
      head ??= fetch(0, HEAD_BYTES);
      return (await head).subarray(at, at + length);
    },
  };
}

/** What follows `start` in a volume. */
export const volumeFrom = (volume: VolumeBytes, start: number): VolumeBytes => ({
  sizeBytes: Math.max(0, volume.sizeBytes - start),
  read: (at, length) => volume.read(start + at, length),
  get damage() {
    return volume.damage;
  },
});
