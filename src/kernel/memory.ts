/** The only file that touches the linear memory's buffer: pointers are branded and made unsigned once, here. */

/** An address in the kernel's linear memory, unsigned. */
export type Ptr = number & { readonly __brand: 'Ptr' };

/** Make a raw wasm i32 a `Ptr`. */
export const ptr = (value: number): Ptr => (value >>> 0) as Ptr;

/** An address `offset` bytes further. */
export const plus = (base: Ptr, offset: number): Ptr => (base + offset) as Ptr;

/**
 * The kernel's linear memory. Views die when memory grows, so none is ever stored:
 * use each at once, and never keep one across an `await` or a call into the kernel.
 */
export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #data: DataView;
  #revoked: Error | undefined;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#data = new DataView(memory.buffer);
  }

  /** Bytes of linear memory at this instant. */
  get size(): number {
    return this.bytes.byteLength;
  }

  /** All of memory, for immediate use. */
  get bytes(): Uint8Array {
    if (this.#bytes.byteLength === 0) this.#renew();
    return this.#bytes;
  }

  /** All of memory as a DataView, for immediate use. */
  get data(): DataView {
    if (this.#bytes.byteLength === 0) this.#renew();
    return this.#data;
  }

  /** Whoever touches it from now on gets `cause` thrown: it belongs to someone else. */
  revoke(cause: Error): void {
    this.#revoked = cause;
    this.#bytes = new Uint8Array(0);
    this.#data = new DataView(this.#bytes.buffer);
  }

  /** Memory has grown: that detaches its old buffer, whose views are empty from then on. */
  #renew(): void {
    if (this.#revoked) throw this.#revoked;
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#data = new DataView(this.memory.buffer);
  }

  /** A window for immediate use: do not keep it across an `await` or a call into the kernel. */
  view(at: Ptr, length: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, at, length);
  }

  /** A copy that may be kept. */
  copy(at: Ptr, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }

  write(at: Ptr, from: Uint8Array): void {
    this.bytes.set(from, at);
  }

  /** Write `value` and a terminating NUL; answers the bytes written. */
  writeCstring(at: Ptr, value: Uint8Array): number {
    const bytes = this.bytes;
    bytes.set(value, at);
    bytes[at + value.length] = 0;
    return value.length + 1;
  }

  u8(at: Ptr): number {
    return this.bytes[at] ?? 0;
  }
  u16(at: Ptr): number {
    return this.data.getUint16(at, true);
  }
  u32(at: Ptr): number {
    return this.data.getUint32(at, true);
  }
  i32(at: Ptr): number {
    return this.data.getInt32(at, true);
  }
  u64(at: Ptr): bigint {
    return this.data.getBigUint64(at, true);
  }
  i64(at: Ptr): bigint {
    return this.data.getBigInt64(at, true);
  }
  /** An unsigned 64-bit value as a number; exact up to 2^53. */
  u64AsNumber(at: Ptr): number {
    const data = this.data;
    return data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000;
  }
  setU16(at: Ptr, value: number): void {
    this.data.setUint16(at, value, true);
  }
  setU32(at: Ptr, value: number): void {
    this.data.setUint32(at, value, true);
  }
  setU64(at: Ptr, value: bigint): void {
    this.data.setBigUint64(at, value, true);
  }
  /** Write a whole number (two's complement when negative) as 64 bits. */
  setI64FromNumber(at: Ptr, value: number): void {
    const data = this.data;
    data.setUint32(at, value, true);
    data.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}
