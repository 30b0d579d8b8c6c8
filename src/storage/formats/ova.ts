/** OVA: a tar with a description of a virtual machine and its disks. */

import { type ByteSource, window } from '../byte-source.ts';
import { ChoiceError, FormatError } from '../errors.ts';
import type { Choice, Format } from './format.ts';
import { isTarHeader, nameOf, type TarMember, tarMembers } from './tar-members.ts';

const OVA = 'ova';
const BLOCK = 512;
/** What a virtual machine has for disks. */
const DISK = /\.(vmdk|vhd|vhdx|vdi|qcow2?|img|raw)$/i;

export const ova: Format = {
  name: OVA,
  // The standard has the description first (DSP0243, 5.3).
  matches: ({ head }) => isTarHeader(head.subarray(0, BLOCK)) && /\.ovf$/i.test(nameOf(head.subarray(0, BLOCK))),
  async open(source, { member }) {
    const disks = (await tarMembers(OVA, source)).filter(({ name }) => DISK.test(name));
    if (disks.length === 0) throw new FormatError(OVA, 'there is no disk in it');
    const disk = chosen(disks, member);
    const choices = disks.map(({ name, sizeBytes }): Choice => ({ kind: 'member', name, sizeBytes }));
    return { content: contentOf(source, disk), wrapped: true, note: disk.name, choices };
  },
};

const contentOf = (source: ByteSource, { at, sizeBytes }: TarMember): ByteSource => window(source, at, sizeBytes);

function chosen(disks: readonly TarMember[], wanted: string | undefined): TarMember {
  const found = disks.filter(({ name }) => wanted === undefined || name === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = disks.map(({ name }) => name);
  const problem = wanted === undefined ? 'name one' : `there is no ${JSON.stringify(wanted)}`;
  throw new ChoiceError(`ova: its disks are ${names.join(', ')}: ${problem}`, names);
}
