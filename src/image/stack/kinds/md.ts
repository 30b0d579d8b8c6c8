/** MD: members of an array, which the kernel assembles by their superblocks. */

import { HostError } from '../../../errors/host-error.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import { KernelLog } from '../../../kernel/log/kernel-log.ts';
import { reasonIn } from '../../../kernel/log/log-reason.ts';
import {
  newArray,
  runArray,
  setMd,
  startDirtyDegraded,
  startReadOnly,
  stopArray,
} from '../../../kernel/syscalls/md.ts';
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
  const { level, disks, version, name: given } = first.md;
  const name = tools.nextArray();
  const [, own = given] = /^[^:]*:(.*)$/s.exec(given ?? '') ?? [];
  const title = own ? `/dev/md/${own}` : `/dev/${name}`;
  if (tools.writable) mustHaveAll(found, title);
  await startReadOnly(task);
  if (tools.evenIfIncomplete) await startDirtyDegraded(task);
  await newArray(task, name);
  await kernel.makeBlockNodes(name);
  const members = [];
  for (const { member } of found) members.push(await tools.device(member));
  const log = await KernelLog.open(task);
  try {
    await runArray(task, `/dev/${name}`, version, members);
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.errno === 'ENOMEM') throw cause;
    const there = `${found.length} of ${disks} members`;
    const reason = reasonIn(await log.records());
    const message = `${title} (${levelName(level)}) cannot be started with ${there}${reason ? `: ${reason}` : ''}`;
    const few = found.length < disks;
    throw new HostError(
      few ? 'stack-incomplete' : 'bad-stack',
      few ? `${message}; name the images of the others too` : message,
      {
        members: { members_there: found.length, members: disks },
        cause,
      },
    );
  } finally {
    await log.close();
  }
  // What is not in order stays as it is: nothing is made anew of it behind whoever reads or writes.
  if (level > 0) await setMd(task, `/sys/block/${name}/md/sync_action`, 'frozen').catch(() => {});
  if (tools.writable) tools.atEnd(() => stopArray(task, `/dev/${name}`));
  const device = await kernelDevice(kernel, task, name);
  return {
    device,
    title,
    names: [name, ...(own ? [`md/${own}`, own] : [])],
    kind: levelName(level),
    label: own,
    on: found.map(({ member }) => member),
  };
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
