/** OVA: a tar with a description of a virtual machine and its disks. */

import { isTarHeader, TAR_BLOCK, tarHeader } from '../../../archive/tar/header.ts';
import { unpacked } from '../../archives/archive.ts';
import { Problems } from '../../archives/entry.ts';
import { fileBytes } from '../../archives/file-data.ts';
import { bytesOfRaw, type FileData, S_IFREG } from '../../archives/node.ts';
import { tarEntries } from '../../archives/tar/entries.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Choice, Format } from '../format.ts';
import { joined } from '../parts/joined.ts';
import { chosen } from './chosen.ts';

const OVA = 'ova';
/** What a virtual machine has for disks, compressed or not, and the number of a piece of one (DSP0243, 7.1: ovf:compression, ovf:chunkSize). */
const DISK = /^(.*\.(?:vmdk|vhd|vhdx|vdi|qcow2?|img|raw)(?:\.(?:gz|bz2|xz|zst))?)(?:\.(\d{9}))?$/i;
const MAX_DISKS = 1000;
const MAX_PIECES = 100_000;

export const ova: Format = {
  name: OVA,
  // The standard has the description first (DSP0243, 5.3).
  matches: ({ head }) => {
    const block = head.subarray(0, TAR_BLOCK);
    return isTarHeader(block) && /\.ovf$/i.test(tarHeader(block)?.path ?? '');
  },
  async open(source, context) {
    const { disks, problems } = await disksOf(source);
    if (disks.length === 0) throw new FormatError(OVA, problems ?? 'there is no disk in it');
    const disk = chosen(OVA, disks, context.member);
    const choices = disks.map(({ name, sizeBytes }): Choice => ({ kind: 'member', name, sizeBytes }));
    return {
      content: await unpacked(OVA, bytesOf(disk), context),
      wrapped: true,
      note: disk.name,
      choices,
      ...(problems !== undefined && { cut: `the ${OVA} is not whole: ${problems}` }),
    };
  },
};

interface Disk {
  readonly name: string;
  /** As it lies there. */
  sizeBytes: number;
  readonly pieces: { readonly data: FileData; readonly sizeBytes: number }[];
}

function bytesOf({ name, pieces }: Disk): ByteSource {
  const parts = Array.from(pieces, (piece, number) => {
    if (piece === undefined) throw new FormatError(OVA, `piece ${number} of ${name} is not in it`);
    return fileBytes(OVA, piece.data, piece.sizeBytes);
  });
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : joined(OVA, parts);
}

async function disksOf(
  source: ByteSource,
): Promise<{ readonly disks: readonly Disk[]; readonly problems: string | undefined }> {
  const disks = new Map<string, Disk>();
  const problems = new Problems();
  for await (const { path, is } of tarEntries(source, { problems, mayLackEnd: true })) {
    if ('linkTo' in is || is.type !== S_IFREG || is.data === undefined) continue;
    const [, name, number = '0'] = DISK.exec(new TextDecoder().decode(bytesOfRaw(path))) ?? [];
    if (name === undefined) continue;
    if (Number(number) >= MAX_PIECES) throw new FormatError(OVA, `more than ${MAX_PIECES} pieces of ${name}`);
    const disk = disks.get(name) ?? { name, sizeBytes: 0, pieces: [] };
    disk.pieces[Number(number)] = { data: is.data, sizeBytes: is.size };
    disk.sizeBytes += is.size;
    disks.set(name, disk);
    if (disks.size > MAX_DISKS) throw new FormatError(OVA, `more than ${MAX_DISKS} disks`);
  }
  return { disks: [...disks.values()], problems: problems.text };
}
