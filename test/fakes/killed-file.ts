/** A file whose writer is killed: after so many changes each is an error. */

import { type ByteSource, checkBytes } from '../../src/storage/byte-source.ts';

export class KilledFile implements ByteSource {
  bytes: Uint8Array;
  /** Changes that still reach it. */
  writes = Number.POSITIVE_INFINITY;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
  }
  get sizeBytes(): number {
    return this.bytes.length;
  }
  read(offset: number, into: Uint8Array): void {
    checkBytes(this, offset, into.length);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  write(offset: number, from: Uint8Array): void {
    checkBytes(this, offset, from.length);
    this.count();
    this.bytes.set(from, offset);
  }
  grow(sizeBytes: number): void {
    this.count();
    const longer = new Uint8Array(sizeBytes);
    longer.set(this.bytes);
    this.bytes = longer;
  }
  protected count(): void {
    this.writes -= 1;
    if (this.writes < 0) throw new Error('killed');
  }
}
