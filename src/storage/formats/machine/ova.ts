/** OVA: a tar with a description of a virtual machine and its disks. */

import { isTarHeader, TAR_BLOCK, tarHeader } from '../../../archive/tar/header.ts';
import { Problems } from '../../archives/entry.ts';
import { fileBytes } from '../../archives/file-data.ts';
import { bytesOfRaw, type FileData, S_IFREG } from '../../archives/node.ts';
import { tarEntries } from '../../archives/tar/entries.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Choice, Format } from '../format.ts';
import { chosen } from './chosen.ts';

const OVA = 'ova';
/** What a virtual machine has for disks. */
const DISK = /\.(vmdk|vhd|vhdx|vdi|qcow2?|img|raw)$/i;
const MAX_DISKS = 1000;

export const ova: Format = {
  name: OVA,
  // The standard has the description first (DSP0243, 5.3).
  matches: ({ head }) => {
    const block = head.subarray(0, TAR_BLOCK);
    return isTarHeader(block) && /\.ovf$/i.test(tarHeader(block)?.path ?? '');
  },
  async open(source, { member }) {
    const { disks, problems } = await disksOf(source);
    if (disks.length === 0) throw new FormatError(OVA, problems ?? 'there is no disk in it');
    const disk = chosen(OVA, disks, member);
    const choices = disks.map(({ name, sizeBytes }): Choice => ({ kind: 'member', name, sizeBytes }));
    return {
      content: fileBytes(OVA, disk.data, disk.sizeBytes),
      wrapped: true,
      note: disk.name,
      choices,
      ...(problems !== undefined && { cut: `the ${OVA} is not whole: ${problems}` }),
    };
  },
};

interface Disk {
  readonly name: string;
  readonly sizeBytes: number;
  readonly data: FileData;
}

async function disksOf(
  source: ByteSource,
): Promise<{ readonly disks: readonly Disk[]; readonly problems: string | undefined }> {
  const disks: Disk[] = [];
  const problems = new Problems();
  for await (const { path, is } of tarEntries(source, { problems, mayLackEnd: true })) {
    if ('linkTo' in is || is.type !== S_IFREG || is.data === undefined || !DISK.test(path)) continue;
    disks.push({ name: new TextDecoder().decode(bytesOfRaw(path)), sizeBytes: is.size, data: is.data });
    if (disks.length > MAX_DISKS) throw new FormatError(OVA, `more than ${MAX_DISKS} disks`);
  }
  return { disks, problems: problems.text };
}
