/** Where bytes become a disk: the one place that every host, route and command goes through. */

import type { Compression } from '../archive/decompress.ts';
import type { BlockDevice, MaybePromise } from './block-device.ts';
import { type ByteSource, window } from './byte-source.ts';
import { BehindEndError, DamagedInsideError, FormatError, StorageError } from './errors.ts';
import { androidSuper } from './formats/android/super.ts';
import {
  type Choice,
  type Ends,
  type FileUse,
  type Format,
  type FormatContext,
  HEAD_BYTES,
  type Layer,
  type OpenedFormat,
  TAIL_BYTES,
} from './formats/format.ts';
import { formats } from './formats/formats.ts';
import { chunkDecoders, type HostChunks } from './formats/parts/block-decoders.ts';
import { cutSentence, withLosses } from './formats/parts/cut.ts';
import { unread } from './formats/parts/unread.ts';
import { cached } from './layers/cached.ts';
import { rawDevice } from './raw-device.ts';
import type { Room } from './room.ts';
import { deviceSource } from './sources/device-source.ts';

/** What the bytes can be: `raw`, or a format that wraps a disk. */
export const diskFormats: readonly string[] = ['raw', ...formats.map(({ name }) => name)];

export type { Choice, Layer };

export interface OpenedDisk {
  /** What the bytes were: `raw`, or the outermost format. */
  readonly format: string;
  readonly device: BlockDevice;
  /** The same as bytes. */
  readonly content: ByteSource;
  /** Bytes of the disk, which need not be whole sectors. */
  readonly sizeBytes: number;
  /** Why it cannot be written, where that is for what it is wrapped in: "qcow2: it has bitmaps". */
  readonly readOnly?: string;
  /** What is otherwise on it than its file says, each a sentence: paths of an archive that lead out of it. */
  readonly notes: readonly string[];
  /** All that it was read through, the outermost first; empty where the bytes are the disk. */
  readonly layers: readonly Layer[];
  /** The archive whose files are shown as a file system of ours: `tar`, `cpio` or `oci`; absent: the disk is what was there. */
  readonly archive?: string;
  /** The disks and states that `member` and `snapshot` could name. */
  readonly choices: readonly Choice[];
}

/** Entries of one archive, each with some hundred bytes of memory. */
const MAX_ENTRIES = 4_000_000;
/** Far more than any tool writes. */
const MAX_PIECE_BYTES = 64 * 2 ** 20;

export interface OpenDiskOptions {
  /** Keep so much of what was read, and read ahead: for sources that are slow to ask. Default: none. */
  readonly cacheMib?: number | undefined;
  /** Where what is kept counts. Default: nowhere else. */
  readonly room?: Room | undefined;
  /** Of the file: one of `diskFormats`. Default: found out. */
  readonly format?: string | undefined;
  /** Where in the bytes the disk (or the file that wraps it) begins, and how many bytes it has. Default: all of them. */
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  /**
   * A disk among several in a file (OVA), a file of a tar that is one, a logical partition (Android super), or an image of
   * a container by its name, its platform or its digest.
   */
  readonly member?: string | undefined;
  /** A state of the disk that its file keeps (qcow2), by id or name. Default: the newest. */
  readonly snapshot?: string | undefined;
  /**
   * The file that an image names: a backing file, a parent, an extent, a segment. `name` is as the image has it, with whatever
   * directories: it is the image's word, so a host decides what may be read by it, and written. Undefined: there is none. Default:
   * no files.
   */
  readonly files?: ((name: string, use?: FileUse) => MaybePromise<ByteSource | undefined>) | undefined;
  /**
   * What is compressed inside of a file (layers of containers, parts of an initramfs), undone and readable by range for as
   * long as the disk is. Default: refused.
   */
  readonly unpack?: ((source: ByteSource, compression: Compression) => Promise<ByteSource>) | undefined;
  /** What undoes single chunks of a format. Default: what runs everywhere, and takes three to five times as long. */
  readonly chunks?: HostChunks | undefined;
  /** Files that an archive may have, for hosts with little memory. Default: 4,000,000. */
  readonly maxEntries?: number | undefined;
  /** Bytes that something of a file may have that must be in memory at once (a compressed chunk, a list, a log). Default: 64 MiB. */
  readonly maxPieceBytes?: number | undefined;
}

/** Which disk of a file, in the words that every host passes on: a query, a mount of a session, options of the command. */
export type DiskChoice = Pick<OpenDiskOptions, 'format' | 'member' | 'snapshot'>;

/** Files that build on each other, and wrappings in wrappings: more of either is taken for a loop. */
const MAX_PARENTS = 64;
const MAX_WRAPPINGS = 4;

/**
 * The disk in `source`, of which only what is read is ever asked for. Rejects with a FormatError where it is wrapped in what
 * is damaged or not read here, and with a ChoiceError where it must be told which disk of several is meant.
 */
export async function openDisk(source: ByteSource, options: OpenDiskOptions = {}): Promise<OpenedDisk> {
  const { offset = 0, size, cacheMib, room } = options;
  const asked = offset === 0 && size === undefined ? source : { ...part(source, offset, size), ...cutOfSource(source) };
  const raw = rawDevice(asked);
  // The cache lies under the formats: their tables go through it, and what was looked at to recognise them is there already.
  const device = cacheMib === undefined ? raw : cached(raw, { maxMib: cacheMib, room });
  const bytes = cacheMib === undefined ? asked : { ...deviceSource(device, asked.sizeBytes), ...cutOfSource(source) };
  const { cut, id: _, ...opened } = await unwrap(bytes, options, options.format, 0);
  return {
    ...opened,
    format: opened.layers[0]?.format ?? 'raw',
    device: { ...(opened.content === bytes ? device : rawDevice(opened.content)), ...(cut !== undefined && { cut }) },
    sizeBytes: opened.content.sizeBytes,
  };
}

const cutOfSource = ({ cut }: ByteSource): Pick<ByteSource, 'cut'> => (cut === undefined ? {} : { cut });

function part(source: ByteSource, offset: number, asked: number | undefined): ByteSource {
  const size = asked ?? source.sizeBytes - offset;
  const inside = [offset, size].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (inside && offset + size <= source.sizeBytes) return window(source, offset, size);
  const where = asked === undefined ? `offset ${offset}` : `offset ${offset}, size ${asked}`;
  throw new StorageError('ENXIO', `${where}: the image has ${source.sizeBytes} bytes`);
}

/** What is found out on the way to the disk. */
interface Told {
  readOnly?: string;
  cut?: string;
}

type Opened = Pick<OpenedDisk, 'content' | 'layers' | 'choices' | 'notes' | 'archive'> &
  Readonly<Told> &
  Pick<OpenedFormat, 'id'>;

/** Take off every format around a disk. `parents` counts the files that were opened on the way here, each for the one before. */
async function unwrap(
  source: ByteSource,
  options: OpenDiskOptions,
  asked: string | undefined,
  parents: number,
): Promise<Opened> {
  let content = source;
  const layers: Layer[] = [];
  const choices: Choice[] = [];
  const notes: string[] = [];
  const told: Told = source.cut === undefined ? {} : { cut: source.cut };
  let own: Pick<OpenedFormat, 'id'> = {};
  for (let wrapping = 0; ; wrapping += 1) {
    const format = await formatOf(content, wrapping === 0 ? asked : undefined);
    if (format === undefined) return { content, layers, choices, notes, ...told, ...own };
    if (wrapping === MAX_WRAPPINGS) throw new FormatError(format.name, 'too many formats are wrapped in each other');
    const opened = await openFormat(format, content, contextOf(options, asked, parents, told));
    const { note, archive } = opened;
    if (wrapping === 0 && opened.id !== undefined) own = { id: opened.id };
    layers.push({ format: format.name, ...(note !== undefined && { note }) }, ...(opened.layers ?? []));
    choices.push(...(opened.choices ?? []));
    notes.push(...(opened.notes ?? []));
    const cut = opened.cut ?? cutOf(format, content, opened);
    if (cut !== undefined) told.cut ??= cut;
    if (opened.writes !== true) told.readOnly ??= `${format.name}: ${opened.readOnly ?? 'what is in it is only read'}`;
    if (told.cut !== undefined) told.readOnly ??= `${format.name}: it was cut short`;
    content = told.readOnly === undefined ? opened.content : onlyRead(opened.content, content.sizeBytes, told);
    // What a guest has written is its disk, whatever it begins as; but a name of something in it says what it is taken for.
    const isTaken = opened.wrapped === true || (choices.length === 0 && (await isOnDisk(content, options.member)));
    if (!isTaken)
      return { content, layers, choices, notes, ...told, ...own, ...(archive !== undefined && { archive }) };
  }
}

/** Opening needs headers and tables: without these nothing can be said of the rest. */
async function openFormat(format: Format, source: ByteSource, context: FormatContext): Promise<OpenedFormat> {
  try {
    return await format.open(source, context);
  } catch (cause) {
    if (!(cause instanceof BehindEndError)) throw cause;
    throw new FormatError(format.name, `it is cut short, and what it cannot be read without is missing`, { cause });
  }
}

function cutOf({ name }: Format, source: ByteSource, { claimedBytes }: OpenedFormat): string | undefined {
  if (claimedBytes === undefined || claimedBytes <= source.sizeBytes) return undefined;
  return cutSentence(name, source.sizeBytes, claimedBytes);
}

/** Of a file that is known to be cut short, what tables tell of and is not there lies behind its end. */
const onlyRead = (content: ByteSource, fileBytes: number, { cut }: Told): ByteSource =>
  withLosses(content, (cause) => (cut === undefined ? new DamagedInsideError(cause) : new BehindEndError(fileBytes)));

function contextOf(options: OpenDiskOptions, asked: string | undefined, parents: number, told: Told): FormatContext {
  const { files, member, snapshot, maxEntries = MAX_ENTRIES, maxPieceBytes = MAX_PIECE_BYTES } = options;
  const sibling: FormatContext['sibling'] = async (format, name, use) => {
    const found = await files?.(name, use);
    if (found !== undefined) return found;
    throw new FormatError(format, `it needs the file ${JSON.stringify(name)}, which was not given`, {
      code: 'ENODATA',
    });
  };
  return {
    asked,
    maxEntries,
    mustFit(format, what, bytes) {
      if (bytes <= maxPieceBytes) return;
      const detail = `${what} of ${bytes} bytes: this host holds ${maxPieceBytes} in one piece`;
      throw new FormatError(format, detail, { code: 'EOPNOTSUPP' });
    },
    async unpack(format, packed, compression) {
      if (options.unpack) {
        const undone = await options.unpack(packed, compression);
        if (undone.cut !== undefined) told.cut ??= undone.cut;
        return undone;
      }
      throw new FormatError(format, `${compression} inside of it is not undone here`, { code: 'EOPNOTSUPP' });
    },
    chunks: chunkDecoders(options.chunks),
    member,
    snapshot,
    sibling,
    async parent(format, name, parentFormat) {
      if (parents === MAX_PARENTS) {
        throw new FormatError(format, `more than ${MAX_PARENTS} files build on each other: is it a loop?`);
      }
      const bytes = await sibling(format, name);
      // What was chosen was chosen of the file that was given.
      const above = { ...options, member: undefined, snapshot: undefined };
      const { content, layers, cut, id } = await unwrap(bytes, above, parentFormat, parents + 1);
      if (cut !== undefined) told.cut ??= `${name}, which it builds on: ${cut}`;
      const [first = { format: 'raw' }, ...rest] = layers;
      return { content, layers: [{ ...first, name }, ...rest], ...(id !== undefined && { id }) };
    },
  };
}

/** Whether the disk has parts by name, of which one is asked for. */
const isOnDisk = async (disk: ByteSource, member: string | undefined): Promise<boolean> =>
  member !== undefined && androidSuper.matches(await endsOf(disk));

/** Undefined: the bytes are the disk. */
async function formatOf(source: ByteSource, asked: string | undefined): Promise<Format | undefined> {
  if (asked === 'raw') return undefined;
  const ends = await endsOf(source);
  if (asked === undefined) {
    const found = formats.find((format) => format.matches(ends));
    const known = found ? undefined : unread.find(({ matches }) => matches(ends));
    if (known) throw new FormatError('not a disk', `${known.name}: ${known.advice}`, { code: 'EOPNOTSUPP' });
    return found;
  }
  const format = formats.find(({ name }) => name === asked);
  if (format === undefined) {
    throw new FormatError(asked, `not a format that is read here: ${diskFormats.join(', ')}`, { code: 'EOPNOTSUPP' });
  }
  if (!format.matches(ends)) throw new FormatError(asked, 'the image is not of this format', { code: 'EMEDIUMTYPE' });
  return format;
}

async function endsOf(source: ByteSource): Promise<Ends> {
  const { sizeBytes } = source;
  const head = new Uint8Array(Math.min(HEAD_BYTES, sizeBytes));
  const tail = new Uint8Array(Math.min(TAIL_BYTES, sizeBytes));
  const behind = (cause: unknown): void => {
    if (!(cause instanceof BehindEndError)) throw cause;
    tail.fill(0);
  };
  const readTail = async (): Promise<void> => source.read(sizeBytes - tail.length, tail);
  // Of a file in an archive that was cut short the end may be missing: by that it is not recognised then.
  await Promise.all([source.read(0, head), readTail().catch(behind)]);
  return { head, tail, sizeBytes };
}
