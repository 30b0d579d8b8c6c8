/** Reads a pax tar of one's own making back, byte for byte: names and attributes as bytes, sparse maps as they are. */

export interface ReadEntry {
  /** As in the header: '0' file, '1' hard link, '2' symlink, '3' char, '4' block, '5' directory, '6' fifo. */
  readonly typeflag: string;
  readonly path: Uint8Array;
  readonly linkPath: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** With its holes. */
  readonly size: number;
  readonly device: readonly [number, number];
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Runs of data as [offset, length]. */
  readonly extents: readonly (readonly [number, number])[];
  /** What the runs hold, one after another. */
  readonly data: Uint8Array;
}

const BLOCK = 512;
const chars = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** Fails on anything that is not a tar up to its end mark. */
export function readTar(tar: Uint8Array): ReadEntry[] {
  const entries: ReadEntry[] = [];
  let pax = new Map<string, Uint8Array>();
  for (let at = 0; ; ) {
    const header = tar.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new Error('the tar has no end');
    if (header.every((byte) => byte === 0)) return entries;
    checkSum(header);
    const number = (key: string, start: number, length: number): number =>
      Number(pax.has(key) ? text(pax.get(key)) : `0o${text(header.subarray(start, start + length)) || '0'}`);
    const size = number('size', 124, 12);
    const body = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (body.length < size) throw new Error('the tar ends inside an entry');
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const typeflag = chars(header.subarray(156, 157));
    if (typeflag === 'x') {
      pax = paxRecords(body);
      continue;
    }
    const prefix = cstring(header.subarray(345, 500));
    const name = cstring(header.subarray(0, 100));
    const path = pax.get('GNU.sparse.name') ?? pax.get('path') ?? (prefix.length > 0 ? join(prefix, name) : name);
    const sparse = pax.has('GNU.sparse.realsize');
    const [extents, data] = sparse ? sparseData(body) : [size > 0 ? [[0, size] as const] : [], body];
    entries.push({
      typeflag,
      path,
      linkPath: pax.get('linkpath') ?? cstring(header.subarray(157, 257)),
      mode: number('mode', 100, 8),
      uid: number('uid', 108, 8),
      gid: number('gid', 116, 8),
      mtimeNs: mtimeOf(pax.get('mtime'), number('', 136, 12)),
      size: sparse ? Number(text(pax.get('GNU.sparse.realsize'))) : size,
      device: [number('', 329, 8), number('', 337, 8)],
      xattrs: xattrsOf(pax),
      extents,
      data,
    });
    pax = new Map();
  }
}

const text = (bytes: Uint8Array | undefined): string => chars(cstring(bytes ?? new Uint8Array())).trim();
const cstring = (bytes: Uint8Array): Uint8Array => (bytes.includes(0) ? bytes.subarray(0, bytes.indexOf(0)) : bytes);
const join = (prefix: Uint8Array, name: Uint8Array): Uint8Array => Uint8Array.from([...prefix, 0x2f, ...name]);

function checkSum(header: Uint8Array): void {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  const stored = Number.parseInt(text(header.subarray(148, 156)), 8);
  if (sum !== stored) throw new Error(`a header with checksum ${stored} instead of ${sum}`);
}

/** "LENGTH KEYWORD=VALUE\n" each (pax(1), extended header). */
function paxRecords(body: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < body.length; ) {
    const length = Number(chars(body.subarray(at, body.indexOf(0x20, at))));
    const equals = body.indexOf(0x3d, at);
    const end = at + length - 1;
    if (!(length > 0) || equals < 0 || body[end] !== 0x0a) throw new Error('a pax record is not one');
    records.set(chars(body.subarray(body.indexOf(0x20, at) + 1, equals)), body.subarray(equals + 1, end));
    at = end + 1;
  }
  return records;
}

/** GNU tar's manual, "PAX Format, Version 1.0": a map in decimal, a number a line, before the data. */
function sparseData(body: Uint8Array): [ReadEntry['extents'], Uint8Array] {
  let at = 0;
  const next = (): number => {
    const end = body.indexOf(0x0a, at);
    const value = Number(chars(body.subarray(at, end)));
    at = end + 1;
    return value;
  };
  const count = next();
  const runs = Array.from({ length: count }, () => [next(), next()] as const);
  return [runs.filter(([, length]) => length > 0), body.subarray(Math.ceil(at / BLOCK) * BLOCK)];
}

function mtimeOf(record: Uint8Array | undefined, seconds: number): bigint {
  if (record === undefined) return BigInt(seconds) * 1_000_000_000n;
  const [whole = '', fraction = ''] = chars(record).split('.');
  return BigInt(`${whole}${fraction.padEnd(9, '0')}`);
}

function xattrsOf(pax: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const prefix = 'SCHILY.xattr.';
  const xattrs = [...pax].filter(([key]) => key.startsWith(prefix));
  const name = (key: string) => key.slice(prefix.length).replaceAll('%3D', '=').replaceAll('%25', '%');
  return new Map(xattrs.map(([key, value]) => [name(key), value]));
}
