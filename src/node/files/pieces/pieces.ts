/** A file that was split into pieces, found by their names and read as the one file that it was. */

import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HostError } from '../../../errors/host-error.ts';
import { identify, isMember } from '../../../image/identity/identify.ts';
import { saidBytes } from '../../../image/presented.ts';
import { volumeBytes } from '../../../image/probe/volume-bytes.ts';
import { type ByteSource, window } from '../../../storage/byte-source.ts';
import { BehindEndError, FormatError, StorageError } from '../../../storage/errors.ts';
import { TAIL_BYTES } from '../../../storage/formats/format.ts';
import { joined } from '../../../storage/formats/parts/joined.ts';
import { openDisk } from '../../../storage/open-disk.ts';
import { compressionOf } from '../../../storage/sources/compression-of.ts';
import { mayBePiece, ofZip, type Series, seriesOf } from '../../../storage/sources/series.ts';
import { type FileSource, fileSource } from '../file-source.ts';

export interface Pieces extends FileSource {
  /** Where they lie, in their order: those that are there. */
  readonly paths: readonly string[];
  /** Bytes before the first that is missing. */
  readonly unbrokenBytes: number;
}

interface Piece {
  readonly name: string;
  /** Undefined: it is not there. */
  readonly source: FileSource | undefined;
}

/**
 * What the piece at `path` is one of; `cut` where others are known to lack, whose bytes are an error then. Undefined where it is a
 * file of its own: what is named like pieces may be versions of an image, or its partitions, and each of those begins as something.
 */
export async function openPieces(path: string): Promise<Pieces | undefined> {
  const folder = dirname(path);
  const series = await seriesBeside(path);
  // What leads to a piece may lie elsewhere, or be named otherwise.
  const target = (series?.names.length ?? 0) < 2 ? targetOf(path) : undefined;
  if (target !== undefined) return openPieces(target);
  if (series === undefined) return undefined;
  const pieces = series.names.map((name): Piece => {
    return { name, source: series.present.has(name) ? sourceOf(join(folder, name)) : undefined };
  });
  const sources = pieces.flatMap(({ source }) => source ?? []);
  const close = async () => void (await Promise.all(sources.map((source) => source.close())));
  try {
    const found = await asOne(path, pieces, series);
    if (found === undefined) await close();
    return found && { ...found, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** Of what is known to end too early: the piece that would follow, if it is named as one. */
export async function pieceBehind(path: string): Promise<string | undefined> {
  const series = await seriesBeside(path);
  if (series?.next === undefined) return undefined;
  return `it is named as the first piece of a file, and ${series.next} is not beside it`;
}

/** Throws `read-only-device` where it is a piece: what is written to one would be half a disk's. */
export async function mustBeOneFile(path: string): Promise<void> {
  const pieces = await openPieces(path);
  if (pieces === undefined) return;
  await pieces.close();
  const [first = path] = pieces.paths;
  throw new HostError(
    'read-only-device',
    `${path} is one of several pieces of an image, and is only read: \`lkl convert ${first} disk.raw\` makes one file of them`,
  );
}

async function seriesBeside(path: string): Promise<Series | undefined> {
  const [folder, name] = [dirname(path), basename(path)];
  if (!mayBePiece(name, (other) => isFile(join(folder, other)))) return undefined;
  let beside: string[];
  try {
    beside = readdirSync(folder);
  } catch {
    return undefined; // a folder that is not to be listed
  }
  const series = seriesOf(name, beside);
  const last = series?.names.at(-1) ?? '';
  if (series === undefined || !/\.zip$/i.test(last) || !isFile(join(folder, last))) return series;
  const count = await piecesBeforeEnd(join(folder, last)).catch(() => 0);
  return count > 0 ? ofZip(series, last, count) : undefined;
}

const END_OF_ZIP = 0x06054b50;

/** By the number of the disk that a zip ends on (APPNOTE.TXT 4.3.16); 0 where it is in no pieces. */
async function piecesBeforeEnd(path: string): Promise<number> {
  await using source = fileSource(path);
  const tail = new Uint8Array(Math.min(TAIL_BYTES, source.sizeBytes));
  await source.read(source.sizeBytes - tail.length, tail);
  const view = new DataView(tail.buffer);
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (view.getUint32(at, true) === END_OF_ZIP) return view.getUint16(at + 4, true);
  }
  return 0;
}

/** Undefined where it is no symlink, or one that leads nowhere. */
function targetOf(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined of what is no file, or not to be read: it may be no piece at all. */
function sourceOf(path: string): FileSource | undefined {
  try {
    return isFile(path) ? fileSource(path) : undefined;
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function asOne(
  path: string,
  pieces: readonly Piece[],
  { next }: Series,
): Promise<Omit<Pieces, 'close'> | undefined> {
  const [first, ...others] = pieces;
  const own = pieces.find(({ name }) => name === basename(path))?.source;
  if (first === undefined || own === undefined) return undefined;
  if (first.source === undefined) {
    const { kind } = await lookedAt(own);
    const cut = `${basename(path)} is named as a later piece of a file, whose first, ${first.name}, is not beside it`;
    return kind !== undefined ? undefined : { ...unite(path, [{ name: path, source: own }]), cut };
  }
  const { kind, lacks, said } = await lookedAt(first.source);
  if (lacks === false) return undefined;
  if (others.length === 0 && lacks === undefined) return undefined;
  if (lacks === undefined) {
    for (const { source } of others)
      if (source && isOwn(await lookedAt(beginOf(source)), kind, source)) return undefined;
  }
  const whole = unite(path, pieces, said);
  // What is known by its end alone (DMG) is known now.
  if (kind === undefined && (await lookedAt(whole)).kind === undefined) return undefined;
  if (whole.cut !== undefined || next === undefined || !lacks || !(await lookedAt(whole)).lacks) return whole;
  return { ...whole, cut: `${first.name} is the first piece of a file, and ${next} is not beside it` };
}

/** Without the end, by which the last piece of a file may be known for what all of it is. */
const beginOf = (source: ByteSource): ByteSource => window(source, 0, Math.max(0, source.sizeBytes - TAIL_BYTES));

/** Versions of an image begin alike; a partition beside one is as long as it says. By chance a piece has a mark of two bytes. */
const isOwn = ({ kind, said = 0 }: Looked, first: string | undefined, { sizeBytes }: ByteSource): boolean =>
  kind !== undefined && (kind === first || (said > sizeBytes / 2 && said <= sizeBytes));

interface Looked {
  /** What it begins as, of which it is the first piece or all: compressed data, a format, what a disk begins with. */
  readonly kind?: string | undefined;
  /** Whether it says that it is longer than it is; undefined: it does not say. */
  readonly lacks?: boolean;
  readonly said?: number;
}

async function lookedAt(source: ByteSource): Promise<Looked> {
  const compression = await compressionOf(source);
  if (compression !== undefined) return { kind: compression };
  try {
    const { layers, device, format, sizeBytes } = await openDisk(source);
    if (layers.length > 0) return { kind: format, lacks: device.cut !== undefined };
    const bytes = volumeBytes(device);
    const said = (await isMember(bytes)) ? undefined : await saidBytes(device);
    const kind = (await identify(bytes))?.type;
    return said === undefined ? { kind } : { kind: kind ?? 'disk', lacks: said > sizeBytes, said };
  } catch (cause) {
    if (cause instanceof FormatError) return { kind: cause.format };
    if (cause instanceof StorageError && cause.code !== 'EIO') return { kind: cause.name };
    throw cause;
  }
}

/** Pieces are equally long but for the last, unless together they are just as long as what they begin with says. */
function unite(path: string, pieces: readonly Piece[], said?: number): Omit<Pieces, 'close'> {
  const sources = pieces.flatMap(({ source }) => source ?? []);
  const sizes = sources.map(({ sizeBytes }) => sizeBytes);
  const isExact = sources.length === pieces.length && said === sizes.reduce((sum, size) => sum + size, 0);
  const unit = Math.max(...sizes);
  const parts: ByteSource[] = [];
  const lacks: string[] = [];
  let at = 0;
  let unbrokenBytes: number | undefined;
  for (const [i, { name, source }] of pieces.entries()) {
    const there = source?.sizeBytes ?? 0;
    if (source) parts.push(source);
    at += there;
    if (isExact || i === pieces.length - 1 || there === unit) continue;
    unbrokenBytes ??= at;
    parts.push(missing(at, unit - there));
    at += unit - there;
    const has = `${name} has ${there.toLocaleString('en')} of the ${unit.toLocaleString('en')} bytes of a piece`;
    lacks.push(source ? has : `${name} is not beside it`);
  }
  const content = joined('raw', parts);
  const shown = [
    ...lacks.slice(0, MAX_TOLD),
    ...(lacks.length > MAX_TOLD ? [`${lacks.length} pieces lack in all`] : []),
  ];
  return {
    path,
    paths: sources.map((source) => source.path),
    isBlockDevice: false,
    ...content,
    unbrokenBytes: unbrokenBytes ?? at,
    ...(lacks.length > 0 && { cut: `${pieces[0]?.name} is the first piece of a file: ${shown.join(', ')}` }),
    checkUnchanged() {
      for (const source of sources) source.checkUnchanged();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}

const MAX_TOLD = 4;

const missing = (there: number, sizeBytes: number): ByteSource => ({
  sizeBytes,
  read() {
    throw new BehindEndError(there);
  },
});
