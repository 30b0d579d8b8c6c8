/** The one storage interface: an array of 512-byte sectors with optional powers. */

/** Bytes in one sector, everywhere in this project as in Linux's block layer. */
export const SECTOR = 512;

/** A value now, or later: a device that can answer at once does, and costs no task switch. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Offsets in sectors, whole sectors only. Absent `write`: read-only. Absent `flush`: write-through.
 *
 * Laws (test/contract/block-device.ts checks each for every implementation):
 * - `read` fills the whole of `into` (a multiple of 512 bytes) or rejects; it never delivers part of it as if whole.
 * - A range that is not inside `[0, sectors)` is a RangeError and touches nothing.
 * - A read that starts after a write has settled sees that write; overlapping calls in flight have no order.
 * - `from` is not kept after `write` returns or settles; `into` is not written after `read` has settled.
 * - Once `flush` has settled, every write settled before it was called is durable.
 * - `discard` makes the range read as zeros or leaves it alone; nothing outside it changes.
 */
export interface BlockDevice {
  readonly sectors: number;
  /** Bytes that are there, where the last sector is not full: the rest of that sector reads as zeros. Default: all. */
  readonly sizeBytes?: number;
  /** The unit that the disk's own tables count in (4096: disks of 4 KiB sectors). Default: 512. */
  readonly logicalBlockBytes?: number;
  /** Why something of it is known to be missing, as a sentence for people. Default: it is whole. */
  readonly cut?: string;
  read(sector: number, into: Uint8Array): MaybePromise<void>;
  /** How many bytes from that byte on are known to be zeros without being read. 0: not known. Absent: never known. */
  zerosAt?(offsetBytes: number): MaybePromise<number>;
  write?(sector: number, from: Uint8Array): MaybePromise<void>;
  /** `write` is done when it returns, always: `from` may lie in memory that moves afterwards. */
  readonly writesAtOnce?: boolean;
  flush?(): MaybePromise<void>;
  discard?(sector: number, sectors: number): MaybePromise<void>;
}

/** Bytes that are really there. */
export const bytesOf = ({ sectors, sizeBytes = sectors * SECTOR }: BlockDevice): number =>
  Math.min(sizeBytes, sectors * SECTOR);

/** What a device in front of `behind` says of it unchanged. */
export const sizeOf = ({ sectors, sizeBytes, logicalBlockBytes, cut }: BlockDevice): Omit<BlockDevice, 'read'> => ({
  sectors,
  ...(sizeBytes !== undefined && { sizeBytes }),
  ...(logicalBlockBytes !== undefined && { logicalBlockBytes }),
  ...(cut !== undefined && { cut }),
});
