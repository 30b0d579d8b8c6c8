/** VMDK, VMware's format: one sparse file, a stream, or a descriptor with the files that it lists. */

import { type ByteSource, window } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { FileUse, Format, FormatContext, Layer, OpenedFormat } from '../format.ts';
import { cutSentence, windowOfCut } from '../parts/cut.ts';
import { type Blocks, growingDisk } from '../parts/growing.ts';
import { joined } from '../parts/joined.ts';
import { mustBeParent } from '../parts/parent.ts';
import { counted, readBytes, viewOf } from '../parts/table.ts';
import { damageOf } from '../parts/written-table.ts';
import { changeId, grainBlocks } from './blocks.ts';
import {
  DESCRIPTOR_MAGIC,
  type Descriptor,
  type Extent,
  MAX_DESCRIPTOR_BYTES,
  parseDescriptor,
  SECTOR,
  VMDK,
} from './descriptor.ts';
import {
  ESX_MAGIC,
  grainPlaces,
  HOSTED_MAGIC,
  readSparseHeader,
  type SparseHeader,
  sparseExtent,
  sparseReach,
} from './sparse.ts';
import { streamWithoutTables } from './stream.ts';

const text = (bytes: Uint8Array, length: number) => String.fromCharCode(...bytes.subarray(0, length));
/** What stands before a descriptor: blank lines, comments. */
const isDescriptor = (head: Uint8Array) => text(head, 512).trimStart().startsWith(DESCRIPTOR_MAGIC);

export const vmdk: Format = {
  name: VMDK,
  matches({ head }) {
    if (isDescriptor(head)) return true;
    if (head.length < 512) return false;
    const version = viewOf(head).getUint32(4, true);
    return [HOSTED_MAGIC, ESX_MAGIC].includes(text(head, 4)) && version >= 1 && version < 16;
  },
  async open(source, context) {
    const head = await readBytes(VMDK, source, 0, Math.min(source.sizeBytes, 512));
    if (isDescriptor(head)) {
      if (source.sizeBytes > MAX_DESCRIPTOR_BYTES) throw new FormatError(VMDK, 'its descriptor is too long');
      const descriptor = parseDescriptor(await readBytes(VMDK, source, 0, source.sizeBytes));
      return openExtents(descriptor, context, source);
    }
    return openSparse(source, context);
  },
};

/** A file that has its descriptor, its tables and its data. */
async function openSparse(source: ByteSource, context: FormatContext): Promise<OpenedFormat> {
  const header = await readSparseHeader(source, context);
  const { at, bytes } = header.descriptor;
  if (bytes > MAX_DESCRIPTOR_BYTES) throw new FormatError(VMDK, 'its descriptor is too long');
  const descriptor = parseDescriptor(at === 0 ? new Uint8Array(0) : await readBytes(VMDK, source, at, bytes));
  const parent = await parentOf(descriptor, context);
  const note = descriptor.createType !== '' && { note: descriptor.createType };
  let readOnly: string | undefined;
  if (source.write) {
    const opened = await writtenGrains(source, header, { at, hasParent: parent !== undefined });
    if (typeof opened !== 'string') return { content: growingDisk(source, opened), writes: true, ...note };
    readOnly = opened;
  }
  const grainsAt = grainPlaces(header);
  return {
    content: header.lacksTables
      ? streamWithoutTables(source, header)
      : sparseExtent(source, header, parent?.content, grainsAt),
    claimedBytes: await sparseReach(source, header, grainsAt),
    ...(header.lacksTables && {
      cut: `the vmdk is a stream that has ${counted(source.sizeBytes)} bytes and lacks its end`,
    }),
    ...note,
    layers: parent?.layers ?? [],
    ...ownId(descriptor),
    ...(readOnly !== undefined && { readOnly }),
  };
}

/** Its grains, or why they are not written. */
async function writtenGrains(
  source: ByteSource,
  header: SparseHeader,
  { at, hasParent }: { readonly at: number; readonly hasParent: boolean },
): Promise<Blocks | string> {
  if (hasParent) return 'it holds the changes to a parent';
  if (header.compressed) return 'its grains are compressed';
  if (at === 0) return 'it is a part of a disk, or of ESX';
  return grainBlocks(source, header).catch(damageOf);
}

async function parentOf({ parent: name, parentId }: Descriptor, context: FormatContext) {
  if (name === undefined) return undefined;
  const parent = await context.parent(VMDK, name);
  mustBeParent(VMDK, name, parent.id, [parentId]);
  return parent;
}

const ownId = ({ id }: Descriptor): Pick<OpenedFormat, 'id'> => (id === undefined ? {} : { id });

const isWritten = ({ kind, isWritable }: Extent): boolean => isWritable && ['FLAT', 'VMFS', 'SPARSE'].includes(kind);

/** What opening an extent finds out besides. */
interface ExtentUse extends FileUse {
  tellCut(why: string): void;
  tellReadOnly(why: string): void;
  /** Before the first change of a sparse one. */
  changed(): Promise<void>;
}

/** Where all of the disk lies in files that can be written, it is; `source` has the descriptor. */
async function openExtents(descriptor: Descriptor, context: FormatContext, source: ByteSource): Promise<OpenedFormat> {
  const { extents, createType } = descriptor;
  if (extents.length === 0) throw new FormatError(VMDK, 'its descriptor lists no files');
  const parent = await parentOf(descriptor, context);
  const write = source.write !== undefined && parent === undefined && extents.every(isWritten);
  let readOnly: string | undefined;
  let isChanged = false;
  const changed = async () => {
    if (!isChanged) await changeId(source, { at: 0, bytes: source.sizeBytes });
    isChanged = true;
  };
  const layers: Layer[] = [];
  const parts: (ByteSource | number)[] = [];
  let begin = 0;
  let cut: string | undefined;
  for (const extent of extents) {
    const sizeBytes = extent.sectors * SECTOR;
    const below = parent && partOf(parent.content, begin, sizeBytes);
    const use: ExtentUse = {
      write,
      changed,
      tellCut(why) {
        cut ??= why;
      },
      tellReadOnly(why) {
        readOnly ??= why;
      },
    };
    parts.push(await openExtent(extent, below, context, use));
    if (extent.file !== undefined) layers.push({ format: VMDK, name: extent.file, note: extent.kind.toLowerCase() });
    begin += sizeBytes;
  }
  const beneath = [...layers, ...(parent?.layers ?? [])];
  const content = joined(VMDK, parts);
  const writes = write && cut === undefined && readOnly === undefined;
  const why = readOnly !== undefined && { readOnly };
  return { content, writes, note: createType, layers: beneath, ...ownId(descriptor), ...(cut && { cut }), ...why };
}

/** The part of a parent that an extent covers. */
const partOf = (parent: ByteSource, begin: number, bytes: number): ByteSource =>
  window(parent, Math.min(begin, parent.sizeBytes), Math.max(0, Math.min(bytes, parent.sizeBytes - begin)));

/** Its bytes, or how many zeros it stands for. */
async function openExtent(
  { kind, file, from, sectors }: Extent,
  below: ByteSource | undefined,
  context: FormatContext,
  { tellCut, tellReadOnly, changed, ...use }: ExtentUse,
): Promise<ByteSource | number> {
  const sizeBytes = sectors * SECTOR;
  if (!Number.isSafeInteger(sizeBytes)) throw new FormatError(VMDK, `an extent of ${sectors} sectors`);
  if (kind === 'ZERO') return sizeBytes;
  if (file === undefined) throw new FormatError(VMDK, `an extent of type ${kind} without a file`);
  switch (kind) {
    case 'FLAT':
    case 'VMFS': {
      const source = await context.sibling(VMDK, file, use);
      const end = from * SECTOR + sizeBytes;
      if (end <= source.sizeBytes) return window(source, from * SECTOR, sizeBytes);
      tellCut(cutSentence(`file ${JSON.stringify(file)} of the vmdk`, source.sizeBytes, end));
      return windowOfCut(source, from * SECTOR, sizeBytes);
    }
    case 'SPARSE':
    case 'VMFSSPARSE': {
      const source = await context.sibling(VMDK, file, use);
      const header = await readSparseHeader(source, context);
      if (header.sectors < sectors)
        throw new FormatError(VMDK, `${JSON.stringify(file)} is not the extent it should be`);
      if (header.lacksTables) throw new FormatError(VMDK, `${JSON.stringify(file)} is a stream without its end`);
      const grainsAt = grainPlaces(header);
      const claimed = await sparseReach(source, header, grainsAt);
      if (claimed > source.sizeBytes)
        tellCut(cutSentence(`file ${JSON.stringify(file)} of the vmdk`, source.sizeBytes, claimed));
      if (use.write && claimed <= source.sizeBytes) {
        const blocks = header.compressed
          ? 'its grains are compressed'
          : await grainBlocks(source, header, changed).catch(damageOf);
        if (typeof blocks !== 'string') return window(growingDisk(source, blocks), 0, sizeBytes);
        tellReadOnly(blocks);
      }
      return window(sparseExtent(source, header, below, grainsAt), 0, sizeBytes);
    }
    default:
      throw new FormatError(VMDK, `extents of type ${kind} are not read here`, { code: 'EOPNOTSUPP' });
  }
}
