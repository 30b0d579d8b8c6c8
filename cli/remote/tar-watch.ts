/** Looks at a tar as it passes: counts entries, finds the list of what is missing, notices an end that is none. */

const BLOCK = 512;
const ERROR_LIST = './.fs2tar-errors';
const MAX_KEPT_BYTES = 64 * 1024;

/** Fields of a ustar header (pax(1), "ustar Interchange Format"), which the Worker's tars have in octal. */
const nameOf = (header: Buffer): string => header.toString('latin1', 0, 100).replace(/\0.*/s, '');
const sizeOf = (header: Buffer): number => Number.parseInt(header.toString('latin1', 124, 136), 8);
const mtimeOf = (header: Buffer): number => Number.parseInt(header.toString('latin1', 136, 148), 8);
const typeOf = (header: Buffer): string => header.toString('latin1', 156, 157);

/** Of an extended header: the size of what follows, where a ustar header cannot hold it. A value may look like a record: only lengths tell where one begins. */
function paxSize(records: Buffer): number | undefined {
  let size: number | undefined;
  for (let at = 0; at < records.length; ) {
    const lengthBytes = Number.parseInt(records.toString('latin1', at, at + 20), 10);
    if (!(lengthBytes > 0)) throw new Error('the tar has a bad extended header');
    const record = records.toString('latin1', at, at + lengthBytes);
    const value = /^\d+ size=(\d+)\n$/.exec(record)?.[1];
    if (value !== undefined) size = Number(value);
    at += lengthBytes;
  }
  return size;
}

export class TarWatch {
  bytes = 0;
  entries = 0;
  /** The text of the list with which a tar ends that has not everything. */
  errorList: string | undefined;

  /** What is being collected, and how much of it and after it has still to pass. */
  #kept: Buffer[] = [];
  #keep = BLOCK;
  #skip = 0;
  #then: (kept: Buffer) => void = (header) => this.#header(header);
  #nextSize: number | undefined;
  #ended = false;

  /** The next bytes of the tar. */
  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    for (let at = 0; at < chunk.length && !this.#ended; ) {
      if (this.#keep > 0) {
        const piece = chunk.subarray(at, at + this.#keep);
        this.#kept.push(piece);
        this.#keep -= piece.length;
        at += piece.length;
        if (this.#keep > 0) break;
        const kept = Buffer.concat(this.#kept);
        this.#kept = [];
        this.#then(kept);
      } else {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
      }
      if (this.#keep === 0 && this.#skip === 0) this.#collect(BLOCK, 0, (header) => this.#header(header));
    }
  }

  /** Its end mark has passed. */
  get ended(): boolean {
    return this.#ended;
  }

  #collect(keep: number, skip: number, then: (kept: Buffer) => void): void {
    this.#keep = keep;
    this.#skip = skip;
    this.#then = then;
  }

  #header(header: Buffer): void {
    if (header.every((byte) => byte === 0)) {
      this.#ended = true;
      return;
    }
    const isExtended = typeOf(header) === 'x';
    const size = this.#nextSize ?? sizeOf(header);
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    this.#nextSize = undefined;
    if (isExtended) {
      this.#collect(size, padded - size, (records) => {
        this.#nextSize = paxSize(records);
      });
      return;
    }
    this.entries += 1;
    this.errorList = undefined;
    // A file of this name may lie in the image; the list has no time, and nothing follows it.
    const isList = nameOf(header) === ERROR_LIST && mtimeOf(header) === 0 && size > 0;
    const kept = isList ? Math.min(size, MAX_KEPT_BYTES) : 0;
    this.#collect(kept, padded - kept, (list) => {
      this.errorList = list.toString();
    });
  }
}
