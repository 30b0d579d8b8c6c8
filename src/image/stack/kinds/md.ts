/** MD: members of an array, which the kernel assembles by their superblocks. */

import { HostError } from '../../../errors/host-error.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import { KernelLog } from '../../../kernel/log/kernel-log.ts';
import { reasonIn } from '../../../kernel/log/log-reason.ts';
import { newArray, runArray, startDirtyDegraded, startReadOnly, stopArray } from '../../../kernel/syscalls/md.ts';
import { writeText } from '../../../kernel/sysfs.ts';
import { SECTOR } from '../../../storage/block-device.ts';
import { EVEN_IF_CUT } from '../../mounting/mount-failed.ts';
import type { ProbedVolume } from '../../volumes/volumes.ts';
import { kernelDevice } from '../kernel-device.ts';
import type { Group, Kind, Made, StackTools } from '../kind.ts';
import { levelName, type MdMember, mdMember } from '../md/superblock.ts';

interface Found {
  readonly member: ProbedVolume;
  readonly md: MdMember;
}

export const mdKind: Kind = {
  type: 'linux_raid_member',
  async group(members, tools) {
    const arrays = new Map<string, Found[]>();
    const groups: Group[] = [];
    for (const member of members) {
      const md = await mdMember(member.bytes);
      if (md === undefined) {
        groups.push({
          type: 'md',
          members: [member],
          isComplete: false,
          open: async () => {
            throw new HostError('bad-stack', `${member.title} (md): its superblock is of a kind that is not read here`);
          },
        });
        continue;
      }
      const found = arrays.get(md.array) ?? [];
      // A copy of a member is not another member.
      if (!found.some((one) => one.md.number === md.number && one.md.events === md.events)) found.push({ member, md });
      arrays.set(md.array, found);
    }
    for (const found of arrays.values()) {
      found.sort((a, b) => b.md.events - a.md.events);
      groups.push({
        type: 'md',
        members: found.map(({ member }) => member),
        isComplete: found.length >= (found[0]?.md.disks ?? 0),
        open: async () => [await assembled(found, tools)],
      });
    }
    return groups;
  },
};

async function assembled(found: readonly Found[], tools: StackTools): Promise<Made> {
  const { task, kernel } = tools;
  const [first] = found;
  if (first === undefined) throw new Error('an array without members');
  const { level, name: given } = first.md;
  const own = /^[^:]*:(.*)$/s.exec(given ?? '')?.[1] ?? given;
  if (tools.writable) mustHaveAll(found, own ? `/dev/md/${own}` : 'the array');
  await startReadOnly(task);
  if (tools.evenIfIncomplete) await startDirtyDegraded(task);
  const { name, title, cut } = await startedOf(found, own, tools);
  // What is not in order stays as it is: nothing is made anew of it behind whoever reads or writes.
  if (level > 0) await writeText(task, `/sys/block/${name}/md/sync_action`, 'frozen').catch(() => {});
  if (tools.writable) tools.atEnd(() => stopArray(task, `/dev/${name}`));
  const device = await kernelDevice(kernel, task, name);
  return {
    device,
    title,
    names: [name, ...(own ? [`md/${own}`, own] : [])],
    kind: levelName(level),
    label: own,
    on: found.map(({ member }) => member),
    ...(cut !== undefined && { cut }),
  };
}

/** Longer is nothing that a device can be: such a superblock is for the kernel to judge. */
const MAX_SECTORS = 2 ** 35;

const isCut = ({ member, md }: Found): boolean => md.endSector > member.sectors && md.endSector < MAX_SECTORS;

const cutNumbers = ({ member, md }: Found): string => {
  const [there, told] = [member.sectors, md.endSector].map((sectors) => (sectors * SECTOR).toLocaleString('en'));
  return `${member.title} has ${there} bytes, its superblock (md) tells of ${told}`;
};

interface Started {
  readonly name: string;
  readonly title: string;
  readonly cut?: string;
}

/**
 * The kernel takes no member that is too short: an array with copies or parity may have all of its data without it. One that
 * has not is started with what is there of it, where that is wanted.
 */
async function startedOf(found: readonly Found[], own: string | undefined, tools: StackTools): Promise<Started> {
  const short = found.filter(isCut);
  const whole = found.filter((one) => !isCut(one));
  if (short.length === 0) return started(found, found, own, tools);
  const numbers = short.map(cutNumbers).join('; ');
  try {
    if (whole.length > 0) return await started(whole, found, own, tools);
  } catch (cause) {
    if (!(cause instanceof HostError)) throw cause;
  }
  if (tools.evenIfIncomplete) {
    const all = await started(found, found, own, tools);
    return { ...all, cut: `${all.title}: ${numbers}` };
  }
  const [title, level] = [own ? `/dev/md/${own}` : 'an array', levelName(found[0]?.md.level ?? 0)];
  throw new HostError('image-cut', `${title} (${level}): ${numbers}: ${EVEN_IF_CUT}`);
}

/** With these members of those that there are. */
async function started(
  members: readonly Found[],
  found: readonly Found[],
  own: string | undefined,
  { task, kernel, ...tools }: StackTools,
): Promise<Started> {
  const [{ md } = { md: undefined }] = found;
  if (md === undefined) throw new Error('an array without members');
  const { level, disks, version } = md;
  const name = tools.nextArray();
  const title = own ? `/dev/md/${own}` : `/dev/${name}`;
  await newArray(task, name);
  await kernel.makeBlockNodes(name);
  const devices = [];
  for (const one of members) {
    const device = await tools.device(one.member);
    devices.push(isCut(one) ? await tools.extend(device, one.md.endSector) : device);
  }
  const log = await KernelLog.open(task);
  try {
    await runArray(task, `/dev/${name}`, version, devices);
    return { name, title };
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.errno === 'ENOMEM') throw cause;
    const there = `${members.length} of ${disks} members`;
    const reason = reasonIn(await log.records());
    await stopArray(task, `/dev/${name}`).catch(() => {}); // its members are free for another try
    const message = `${title} (${levelName(level)}) cannot be started with ${there}${reason ? `: ${reason}` : ''}`;
    const few = members.length < disks;
    throw new HostError(
      few ? 'stack-incomplete' : 'bad-stack',
      few ? `${message}; name the images of the others too` : message,
      {
        members: { members_there: members.length, members: disks },
        cause,
      },
    );
  } finally {
    await log.close();
  }
}

/** A member that is not written with the others is none any more: whoever forgot to name it is told before. */
function mustHaveAll(found: readonly Found[], title: string): void {
  const [{ md: newest } = { md: undefined }] = found;
  if (newest === undefined) return;
  // One event may lie between members of an array that was switched off.
  const there = found.filter(({ md }) => md.events + 1 >= newest.events).length;
  if (there >= newest.active) return;
  throw new HostError(
    'stack-incomplete',
    `${title} (${levelName(newest.level)}) has ${newest.active} members, of which ${there} ${there === 1 ? 'is' : 'are'} here: to write it, name the images of the others too`,
    { members: { members_there: there, members: newest.active } },
  );
}
