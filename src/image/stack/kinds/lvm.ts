/** LVM2: physical volumes of a group, and its logical volumes, each a volume. */

import { HostError } from '../../../errors/host-error.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import { EVEN_IF_CUT } from '../../mounting/mount-failed.ts';
import type { ProbedVolume } from '../../volumes/volumes.ts';
import { MetadataError } from '../bad-stack.ts';
import type { KernelDevice } from '../kernel-device.ts';
import type { Group, Kind, Made, StackTools } from '../kind.ts';
import { Activator, CutError, dashed, MissingDiskError } from '../lvm/activate.ts';
import { type PhysicalVolume, physicalVolume, sequenceOf } from '../lvm/physical-volume.ts';
import { type VolumeGroup, volumeGroup } from '../lvm/volume-group.ts';

interface Found {
  readonly member: ProbedVolume;
  readonly pv: PhysicalVolume;
}

export const lvmKind: Kind = {
  type: 'LVM2_member',
  async group(members, tools) {
    const found: Found[] = [];
    const groups: Group[] = [];
    const broken = (member: ProbedVolume, why: string): Group => ({
      type: 'LVM2',
      members: [member],
      isComplete: false,
      open: async () => {
        throw new HostError('bad-stack', `${member.title} (LVM2): ${why}`);
      },
    });
    for (const member of members) {
      try {
        const pv = await physicalVolume(member.bytes);
        // A copy of a volume that is there already is not another part of its group.
        if (found.some((one) => one.pv.uuid === pv.uuid)) groups.push(broken(member, 'it has the UUID of another one'));
        else found.push({ member, pv });
      } catch (cause) {
        if (!(cause instanceof MetadataError)) throw cause;
        groups.push(broken(member, cause.message));
      }
    }
    return [...groups, ...groupsOf(found, tools, broken)];
  },
};

/** By the newest metadata that any of them has; a volume without metadata is in the group that names it. */
function groupsOf(
  found: readonly Found[],
  tools: StackTools,
  broken: (member: ProbedVolume, why: string) => Group,
): Group[] {
  const newest = new Map<string, VolumeGroup & { readonly sequence: number }>();
  const groups: Group[] = [];
  const rest = new Set(found);
  for (const one of found) {
    const { pv, member } = one;
    if (pv.group === undefined) continue;
    try {
      const { name, section } = pv.group;
      const group = { ...volumeGroup(name, section), sequence: sequenceOf(section) };
      const known = newest.get(group.uuid);
      if (known === undefined || known.sequence < group.sequence) newest.set(group.uuid, group);
    } catch (cause) {
      if (!(cause instanceof MetadataError)) throw cause;
      groups.push(broken(member, cause.message));
      rest.delete(one);
    }
  }
  for (const group of newest.values()) {
    const uuids = [...group.physical.values()].map(({ uuid }) => uuid);
    const own = [...rest].filter(({ pv }) => uuids.includes(pv.uuid));
    for (const one of own) rest.delete(one);
    if (own.length === 0) continue;
    groups.push({
      type: 'LVM2',
      members: own.map(({ member }) => member),
      isComplete: own.length >= uuids.length,
      open: (problems) => activated(group, own, tools, problems),
    });
  }
  for (const { member, pv } of rest)
    groups.push(broken(member, pv.damage ?? 'no volume group is known that it belongs to'));
  return groups;
}

/** What volumes are made of, and none itself. */
const POOLS = ['thin-pool', 'cache-pool', 'vdo-pool'];

/** 16 TiB. */
const MAX_SECTORS = 2 ** 35;

async function activated(
  group: VolumeGroup,
  found: readonly Found[],
  tools: StackTools,
  problems: (problem: HostError) => void,
): Promise<readonly Made[]> {
  const disks = new Map<string, KernelDevice>();
  const cut = new Map<string, number>();
  for (const { pv, member } of found) {
    const device = await tools.device(member);
    const own = [...group.physical.values()].find(({ uuid }) => uuid === pv.uuid);
    const end = own ? own.startSector + own.extents * group.extentSectors : 0;
    const isCut = end > device.sectors && tools.evenIfIncomplete && end < MAX_SECTORS;
    if (isCut) cut.set(pv.uuid, device.sectors);
    disks.set(pv.uuid, isCut ? await tools.extend(device, end) : device);
  }
  const activator = new Activator(group, { disks, cut, make: tools.make, writable: tools.writable });
  const made: Made[] = [];
  for (const volume of group.logical.values()) {
    const isShown = volume.isVisible || group.snapshots.has(volume.name);
    if (!isShown || volume.segments.some(({ type }) => POOLS.includes(type))) continue;
    const name = `${group.name}/${volume.name}`;
    const title = `/dev/${name}`;
    try {
      const { device, cut: lacking } = await activator.open(volume);
      const escaped = [group.name, volume.name].map((part) => part.replaceAll('-', '--')).join('-');
      const names = [name, escaped, `/dev/mapper/${escaped}`, volume.uuid];
      const on = found.map(({ member }) => member);
      made.push({ device, title, names, kind: 'lvm', on, ...(lacking && { cut: `${title}: ${lacking}` }) });
    } catch (cause) {
      if (cause instanceof MissingDiskError) {
        const missing = [...group.physical.values()]
          .filter(({ uuid }) => !disks.has(uuid))
          .map(({ uuid }) => dashed(uuid));
        const message = `${title} needs more disks than are here: ${disks.size} of ${group.physical.size} are, without ${missing.join(', ')}; name their images too`;
        problems(new HostError('stack-incomplete', message, { members: { missing } }));
      } else if (cause instanceof CutError)
        problems(new HostError('image-cut', `${title}: ${cause.message}: ${EVEN_IF_CUT}`));
      else if (cause instanceof MetadataError)
        problems(new HostError('bad-stack', `${title}: ${cause.message}`, { cause }));
      else if (cause instanceof KernelError && cause.errno !== 'ENOMEM') {
        // The other volumes of the group may be none the worse for it.
        problems(new HostError('bad-stack', `${title}: the kernel refuses it: ${cause.message}`, { cause }));
      } else if (cause instanceof HostError && cause.kind === 'bad-stack') {
        // No more of them are made; those that were are there.
        problems(new HostError('bad-stack', `${title} and what comes behind it: ${cause.message}`, { cause }));
        break;
      } else throw cause;
    }
  }
  return made;
}
