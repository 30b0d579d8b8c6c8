/** Does to a host what its hijack object says, in LKL's order; what Linux refuses is a note, as LKL prints it and goes on. */

import { newAddress, newNeighbour, newRoute, newSourceRule } from '../../abi/netlink/address.ts';
import { AF, TC_H } from '../../abi/netlink/constants.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import { newLink, setLink } from '../../abi/netlink/links/link.ts';
import type { NetlinkRequest } from '../../abi/netlink/message.ts';
import { newPlainQdisc } from '../../abi/netlink/tc/tc.ts';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../../abi/uapi/fs.ts';
import { must } from '../../kernel/kernel-error.ts';
import { mkdirat } from '../../kernel/syscalls/dir.ts';
import { setOffload } from '../../kernel/syscalls/ethtool.ts';
import { close, openat, read, write } from '../../kernel/syscalls/file.ts';
import { mount } from '../../kernel/syscalls/mount.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { setSysctl } from '../../kernel/syscalls/sysctl.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { networkOf, parsePrefix, toBytes } from '../plan/routes/prefix.ts';
import type { Hijack, HijackAction, HijackNote } from './hijack.ts';

/** LKL numbers its interfaces after the loopback, in order. */
const deviceOf = (index: number): number => index + 2;

/** bits of virtio-net's features, as LKL's `offload` has them. */
const virtioNet = {
  csum: 1 << 0,
  guestCsum: 1 << 1,
  hostTso: (1 << 11) | (1 << 12),
  guestTso: (1 << 7) | (1 << 8),
} as const;

/** `task` is in the host's network and mount namespaces, in which `linked` of the interfaces are already. Answers what Linux refused. */
export async function applyHijack(task: UserTask, linked: number, hijack: Hijack): Promise<HijackNote[]> {
  const rtnl = await NetlinkSocket.open(task);
  const notes: HijackNote[] = [];
  const unlinked = hijack.interfaces.slice(linked);
  await rtnl.send([
    setLink(1, { up: true }),
    ...unlinked.map(({ mac }, i) =>
      newLink(
        { kind: 'dummy' },
        { name: `eth${linked + i}`, index: deviceOf(linked + i), ...(mac && { address: mac }) },
      ),
    ),
  ]);
  for (const [i, { offload }] of hijack.interfaces.entries()) await setOffloads(task, rtnl.fd, `eth${i}`, offload);
  for (const action of hijack.actions) {
    try {
      await apply(task, rtnl, action);
    } catch (cause) {
      notes.push({
        key: keyOf(action),
        kind: 'warning',
        message: cause instanceof Error ? cause.message : String(cause),
      });
    }
  }
  await close(task, rtnl.fd);
  return notes;
}

async function setOffloads(task: UserTask, socket: number, device: string, bits: number): Promise<void> {
  const wanted = {
    rx: bits & virtioNet.guestCsum,
    tx: bits & virtioNet.csum,
    tso: bits & virtioNet.hostTso,
    gro: bits & virtioNet.guestTso,
  };
  // A feature that the device does not have cannot be asked for: that is as off as LKL's would be.
  for (const name of ['rx', 'tx', 'tso', 'gro'] as const)
    await setOffload(task, socket, device, name, wanted[name] !== 0);
}

/** The key of the object that an action came from. */
function keyOf(action: HijackAction): string {
  const names: Partial<Record<HijackAction['action'], string>> = {
    'source-route': 'ifgateway',
    address: 'ip',
    neighbour: 'neigh',
    up: 'type',
    delay: 'delay_main',
  };
  const name = names[action.action] ?? action.action;
  return 'interface' in action ? `interfaces[${action.interface}].${name}` : name;
}

async function apply(task: UserTask, rtnl: NetlinkSocket, action: HijackAction): Promise<void> {
  switch (action.action) {
    case 'mount':
      await mkdirat(task, AT_FDCWD, action.directory, action.mode);
      must('mount', await mount(task, action.fstype, action.directory, action.fstype, 0), action.directory);
      return;
    case 'sysctl':
      return setSysctl(task, action.key, action.value);
    case 'nameserver':
      return writeResolver(task, action.address);
    case 'delay':
    case 'dump':
      return;
    default:
      return rtnl.send(requestsOf(action));
  }
}

function requestsOf(
  action: Exclude<HijackAction, { action: 'mount' | 'sysctl' | 'nameserver' | 'delay' | 'dump' }>,
): NetlinkRequest[] {
  switch (action.action) {
    case 'up':
      return [setLink(deviceOf(action.interface), { up: true })];
    case 'mtu':
      return [setLink(deviceOf(action.interface), { mtu: action.mtu })];
    case 'address':
      return [newAddress(deviceOf(action.interface), action.address, action.prefixLength)];
    case 'source-route':
      return sourceRoute(action);
    case 'neighbour':
      return [newNeighbour(deviceOf(action.interface), action.address, action.mac)];
    case 'qdisc':
      return [newPlainQdisc({ index: deviceOf(action.interface), parent: TC_H.ROOT }, action.kind)];
    case 'gateway':
      return [newRoute({ family: familyOf(action.gateway), gateway: action.gateway })];
  }
}

const familyOf = (address: Uint8Array): number => (address.length === 4 ? AF.INET : AF.INET6);

/** LKL's tables: twice the ifindex for IPv4, the next number for IPv6. */
function sourceRoute({
  interface: index,
  source,
  prefixLength,
  gateway,
}: Extract<HijackAction, { action: 'source-route' }>): NetlinkRequest[] {
  const device = deviceOf(index);
  const family = familyOf(source);
  const table = 2 * device + (family === AF.INET6 ? 1 : 0);
  const address = parsePrefix(`${formatIp(source)}/${prefixLength}`);
  return [
    newSourceRule(source, table),
    ...(address
      ? [newRoute({ family, destination: { address: toBytes(networkOf(address)), prefixLength }, device, table })]
      : []),
    newRoute({ family, gateway, device, table }),
  ];
}

/** The root file system is everybody's: this host gets an /etc of its own. */
async function writeResolver(task: UserTask, address: string): Promise<void> {
  await mkdirat(task, AT_FDCWD, '/etc', 0o755);
  must('mount', await mount(task, 'etc', '/etc', 'ramfs', 0), '/etc');
  const path = '/etc/resolv.conf';
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644), path);
  const bytes = new TextEncoder().encode(`nameserver ${address}\n`);
  task.memory.write(task.scratch, bytes);
  must('write', await write(task, fd, { at: task.scratch, bytes: bytes.length }, bytes.length), path);
  await close(task, fd);
}

/** The files the object wants to see at the end, by path; an errno's words, and a note, where one cannot be read. */
export async function dumpFiles(
  task: UserTask,
  hijack: Hijack,
): Promise<{ readonly dump: Readonly<Record<string, string>>; readonly notes: readonly HijackNote[] }> {
  const dump: Record<string, string> = {};
  const notes: HijackNote[] = [];
  for (const action of hijack.actions) {
    if (action.action !== 'dump') continue;
    try {
      dump[action.path] = await readText(task, action.path);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      dump[action.path] = message;
      notes.push({ key: 'dump', kind: 'warning', message });
    }
  }
  return { dump, notes };
}

async function readText(task: UserTask, path: string): Promise<string> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDONLY), path);
  const length = await read(task, fd, { at: task.scratch, bytes: task.scratchBytes });
  await close(task, fd);
  return new TextDecoder().decode(task.memory.copy(task.scratch, must('read', length, path)));
}
