/** Looks at a zip as it passes: notices an end that is none, counts entries, finds the list of what is missing. */

import { inflateRawSync, constants as zlib } from 'node:zlib';

/** PKWARE's APPNOTE 6.3.10: an entry's header, its line in the directory at the end, and the end of that. */
const HEADER = { signature: 0x04034b50, bytes: 30, method: 8, packed: 18, name: 26, extra: 28 } as const;
const LINE = { signature: 0x02014b50, bytes: 46, name: 28, extra: 30, at: 42 } as const;
const END = { signature: 0x06054b50, bytes: 22, entries: 10, size: 12, at: 16 } as const;
/** What stands before the end where 16 or 32 bits are too few. */
const ZIP64_END_BYTES = 56 + 20;
const MAX16 = 0xffff;
const MAX32 = 0xffffffff;

const ERROR_LIST = Buffer.from('.fs2zip-errors');
/** A header with that name, but for its last byte. */
const OVERLAP_BYTES = HEADER.bytes + ERROR_LIST.length - 1;
/** The directory's last line and what stands behind it. */
const TAIL_BYTES = 4096;
const MAX_KEPT_BYTES = 256 * 1024;
/** What a list of a million lines has; a bomb would have more. */
const MAX_LIST_BYTES = 64 * 2 ** 20;

export class ZipWatch {
  bytes = 0;
  /** The last bytes that have passed. */
  #tail = Buffer.alloc(0);
  /** From the last header on that could be the list's. */
  #list: { readonly at: number; readonly kept: Buffer[]; keptBytes: number } | undefined;

  /** The next bytes of the zip. */
  take(chunk: Buffer): void {
    const behind = this.#tail.subarray(Math.max(0, this.#tail.length - OVERLAP_BYTES));
    const seen = Buffer.concat([behind, chunk]);
    const start = this.bytes - behind.length;
    this.bytes += chunk.length;
    this.#keep(chunk);
    for (let at = seen.indexOf(ERROR_LIST); at >= 0; at = seen.indexOf(ERROR_LIST, at + 1)) {
      const header = at - HEADER.bytes;
      // Whatever stood wholly in what came before was found then.
      if (header < 0 || at + ERROR_LIST.length <= behind.length) continue;
      if (seen.readUInt32LE(header) !== HEADER.signature) continue;
      const kept = Buffer.from(seen.subarray(header));
      this.#list = { at: start + header, kept: [kept], keptBytes: kept.length };
    }
    this.#tail = Buffer.from(Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES));
  }

  #keep(chunk: Buffer): void {
    const list = this.#list;
    if (!list || list.keptBytes >= MAX_KEPT_BYTES) return;
    list.kept.push(Buffer.from(chunk.subarray(0, MAX_KEPT_BYTES - list.keptBytes)));
    list.keptBytes += chunk.length;
  }

  /** The directory's end, which is the zip's. */
  get #end(): Buffer | undefined {
    const end = this.#tail.subarray(-END.bytes);
    if (end.length < END.bytes || end.readUInt32LE(0) !== END.signature) return undefined;
    const [size, at] = [end.readUInt32LE(END.size), end.readUInt32LE(END.at)];
    const isPlain = size !== MAX32 && at !== MAX32 && end.readUInt16LE(END.entries) !== MAX16;
    return isPlain && at + size + END.bytes !== this.bytes ? undefined : end;
  }

  /** Its end has passed. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Up to 65,535 of them. */
  get entries(): number {
    return this.#end?.readUInt16LE(END.entries) ?? 0;
  }

  /** The text of the list with which a zip ends that has not everything: the directory's last line is its. */
  get errorList(): string | undefined {
    const list = this.#list;
    const tail = this.#tail;
    const name = tail.lastIndexOf(ERROR_LIST);
    const line = name - LINE.bytes;
    if (!list || line < 0 || tail.readUInt32LE(line) !== LINE.signature || !this.ended) return undefined;
    const at = tail.readUInt32LE(line + LINE.at);
    if (tail.readUInt16LE(line + LINE.name) !== ERROR_LIST.length || (at !== MAX32 && at !== list.at)) return undefined;
    const behind = tail.length - (name + ERROR_LIST.length + tail.readUInt16LE(line + LINE.extra));
    if (behind !== END.bytes && behind !== END.bytes + ZIP64_END_BYTES) return undefined;
    const kept = Buffer.concat(list.kept);
    const data = kept.subarray(HEADER.bytes + kept.readUInt16LE(HEADER.name) + kept.readUInt16LE(HEADER.extra));
    if (kept.readUInt16LE(HEADER.method) === 0) return data.subarray(0, kept.readUInt32LE(HEADER.packed)).toString();
    // Behind it stands the directory, or what was kept ends: what can be unpacked is.
    return inflateRawSync(data, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: MAX_LIST_BYTES }).toString();
  }
}
