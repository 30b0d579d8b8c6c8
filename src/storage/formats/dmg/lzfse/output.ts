/** What is undone so far, to which LZFSE and LZVN both look back. */

export class Output {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(maxBytes: number) {
    this.bytes = new Uint8Array(maxBytes);
  }

  /** Bytes as they are. */
  literals(from: Uint8Array): void {
    this.#mustHold(from.length);
    this.bytes.set(from, this.length);
    this.length += from.length;
  }

  /** The same bytes as so far back; what is copied may be what this copies. */
  match(length: number, distance: number): void {
    if (length === 0) return;
    if (!(distance > 0 && distance <= this.length)) throw new Error('it looks back to before its beginning');
    this.#mustHold(length);
    const { bytes } = this;
    let to = this.length;
    if (distance >= length) bytes.copyWithin(to, to - distance, to - distance + length);
    else for (const end = to + length; to < end; to += 1) bytes[to] = bytes[to - distance] ?? 0;
    this.length += length;
  }

  #mustHold(more: number): void {
    const most = this.bytes.length;
    if (this.length + more > most) throw new Error(`it unpacks to more than ${most} bytes`);
  }
}
