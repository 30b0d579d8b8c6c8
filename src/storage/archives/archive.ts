/** Archives as sources like images: tar, cpio and the images of containers, shown as EROFS images to Linux's own driver. */

import { type Compression, detectCompression, MAGIC_BYTES } from '../../archive/decompress.ts';
import { isTarHeader, TAR_BLOCK, tarHeader } from '../../archive/tar/header.ts';
import type { ByteSource } from '../byte-source.ts';
import { ChoiceError, FormatError } from '../errors.ts';
import type { Choice, Format, FormatContext, OpenedFormat } from '../formats/format.ts';
import { cpioEntries } from './cpio/entries.ts';
import { beginsCpio } from './cpio/header.ts';
import { addEntry, Problems } from './entry.ts';
import { erofsImage } from './erofs/image.ts';
import { fileBytes } from './file-data.ts';
import { bytesOfRaw, type Node, type Raw, rawOf, S_IFREG } from './node.ts';
import { chosenImage, containerImages, hasImages, OCI } from './oci/images.ts';
import { mergeLayer } from './oci/merge.ts';
import { tarEntries } from './tar/entries.ts';
import { ArchiveTree } from './tree.ts';

const TAR = 'tar';
const CPIO = 'cpio';

/** A block with a checksum that fits, whose numbers are numbers. */
const isTar: Format['matches'] = ({ head }) => {
  const block = head.subarray(0, TAR_BLOCK);
  return isTarHeader(block) && tarHeader(block) !== undefined;
};

/** A tar's tree; of one with images of containers the tree of that image, unless `tar` was asked for by name. */
export const tar: Format = {
  name: TAR,
  matches: isTar,
  async open(source, context) {
    const { tree, problems } = await tarTree(source, context);
    if (context.asked !== TAR && hasImages(tree)) return openContainer(tree, context);
    const { member } = context;
    if (member !== undefined) return openMember(tree, member, context);
    return opened(TAR, tree, problems, { choices: disksIn(tree) });
  },
};

/** Only when asked for: `tar` finds out itself. */
export const oci: Format = {
  name: OCI,
  matches: isTar,
  async open(source, context) {
    const { tree } = await tarTree(source, context);
    if (hasImages(tree)) return openContainer(tree, context);
    throw new FormatError(OCI, 'there is no image of a container in the archive', { code: 'EMEDIUMTYPE' });
  },
};

export const cpio: Format = {
  name: CPIO,
  matches: ({ head }) => beginsCpio(head),
  async open(source, context) {
    const tree = new ArchiveTree({ name: CPIO, maxEntries: context.maxEntries });
    const problems = new Problems();
    const unpack = (packed: ByteSource, compression: Compression) => context.unpack(CPIO, packed, compression);
    for await (const entry of cpioEntries(source, { problems, unpack })) addEntry(tree, entry, problems);
    return opened(CPIO, tree, problems, {});
  },
};

async function tarTree(source: ByteSource, { maxEntries }: FormatContext) {
  const tree = new ArchiveTree({ name: TAR, maxEntries });
  const problems = new Problems();
  for await (const entry of tarEntries(source, { problems })) addEntry(tree, entry, problems);
  return { tree, problems };
}

function opened(
  name: string,
  tree: ArchiveTree,
  problems: Problems,
  more: Omit<OpenedFormat, 'content' | 'cut' | 'notes' | 'archive'>,
): OpenedFormat {
  const cut = problems.text;
  return {
    content: erofsImage(name, tree.root),
    archive: name,
    ...more,
    notes: problems.notes,
    ...(cut !== undefined && { cut: `the ${name} is not whole: ${cut}` }),
  };
}

async function openContainer(archive: ArchiveTree, context: FormatContext): Promise<OpenedFormat> {
  const images = await containerImages(archive);
  const image = chosenImage(images, context.member);
  const tree = new ArchiveTree({ name: OCI, maxEntries: context.maxEntries });
  const problems = new Problems();
  const layers = await image.layers();
  for (const { name, bytes } of layers) {
    const layer = await unpacked(OCI, bytes, context);
    if (!isTar(await headOf(layer)) && !(await isEmptyTar(layer))) {
      throw new FormatError(OCI, `the layer ${name} is no tar`, { code: 'EOPNOTSUPP' });
    }
    await mergeLayer(tree, tarEntries(layer, { problems, mayLackEnd: true }), problems);
  }
  const choices = images.map(
    ({ names }): Choice => ({ kind: 'member', name: names[0] ?? '', note: names.slice(1).join(', ') }),
  );
  const note = `container image ${image.names[0] ?? ''}, ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
  return opened(OCI, tree, problems, { note, choices });
}

export async function unpacked(name: string, layer: ByteSource, context: FormatContext): Promise<ByteSource> {
  const head = new Uint8Array(Math.min(MAGIC_BYTES, layer.sizeBytes));
  await layer.read(0, head);
  const compression = detectCompression(head);
  return compression === undefined ? layer : context.unpack(name, layer, compression);
}

async function headOf(source: ByteSource) {
  const head = new Uint8Array(Math.min(TAR_BLOCK, source.sizeBytes));
  await source.read(0, head);
  return { head, tail: head, sizeBytes: source.sizeBytes };
}

/** Layers that change nothing are tars of nothing. */
async function isEmptyTar(source: ByteSource): Promise<boolean> {
  return (await headOf(source)).head.every((byte) => byte === 0);
}

/** What a virtual machine or a board has for disks. */
const DISK = /\.(vmdk|vhdx?|vdi|qcow2?|img|raw|wic|iso|dmg)(\.(gz|xz|zst|bz2|lz4))?$/i;

function disksIn(tree: ArchiveTree): Choice[] {
  return filesOf(tree)
    .filter(([path]) => DISK.test(path))
    .slice(0, 100)
    .map(([path, { size }]) => ({ kind: 'member', name: textOf(path), sizeBytes: size }));
}

const textOf = (path: Raw): string => new TextDecoder().decode(bytesOfRaw(path));

function filesOf(tree: ArchiveTree): (readonly [Raw, Node])[] {
  const files: (readonly [Raw, Node])[] = [];
  const folders: (readonly [Raw, Node])[] = [['', tree.root]];
  for (let next = folders.pop(); next; next = folders.pop()) {
    const [above, folder] = next;
    for (const [name, node] of folder.children ?? []) {
      if (node.children) folders.push([`${above}${name}/`, node]);
      else if (node.type === S_IFREG) files.push([above + name, node]);
    }
  }
  return files;
}

/** A disk in an archive, by its path: read where it lies. */
async function openMember(tree: ArchiveTree, member: string, context: FormatContext): Promise<OpenedFormat> {
  const node = tree.find(rawOf(new TextEncoder().encode(member)));
  if (node?.type !== S_IFREG || node.data === undefined) {
    const names = disksIn(tree).map(({ name }) => name);
    const there = names.length > 0 ? `: what may be disks are ${names.join(', ')}` : '';
    throw new ChoiceError('member', `tar: there is no file ${JSON.stringify(member)} in it${there}`, names);
  }
  const content = await unpacked(TAR, fileBytes(TAR, node.data, node.size), context);
  return { content, wrapped: true, note: member };
}
