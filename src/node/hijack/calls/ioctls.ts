/** ioctl(2): what an argument points at is copied by the size that its command names, or that is known of it. */

import { type Ptr, plus } from '../../../kernel/memory.ts';
import type { OpenFile } from '../files/open-files.ts';
import type { Answer } from '../program/answer.ts';
import type { Call, Handler } from '../program/call.ts';
import { CallFailed } from '../program/failed.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import { asynchronous, numberOfOwner, ownerOfNumber, setOwner } from './files/descriptors.ts';
import { onFile } from './on-file.ts';
import { giveProgram } from './sockets/options.ts';

// linux/sockios.h, asm-generic/ioctls.h, linux/if_tun.h
const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const FIOASYNC = 0x5452;
const SIOCOUTQ = 0x5411;
const SIOCATMARK = 0x8905;
const [SIOCADDRT, SIOCDELRT] = [0x890b, 0x890c] as const;
const SIOCGIFCONF = 0x8912;
const [SIOCGSTAMP, SIOCGSTAMPNS] = [0x8906, 0x8907] as const;
/** The same with 64 bits of seconds where a long has 32: _IOR(0x89, 6, long long[2]), _IOR(0x89, 7, long long[2]) */
const newStamp = 0x8010_0000;
const [AF_INET, AF_INET6, SOCK_DGRAM] = [2, 10, 2] as const;

/** struct ifreq: a name of 16 bytes and a union, whose struct ifmap has longs. */
const IFREQ = { theirs: 40, ours: 32 } as const;
const [SIOCGIFMAP, SIOCSIFMAP] = [0x8970, 0x8971] as const;
/** Those whose union is a pointer: at what, the driver knows. */
const isPointer = (command: number): boolean =>
  command === 0x8946 || // SIOCETHTOOL
  command === 0x89b0 || // SIOCSHWTSTAMP
  command === 0x89b1 || // SIOCGHWTSTAMP
  command === 0x8993 || // SIOCBONDSLAVEINFOQUERY
  command === 0x8994 || // SIOCBONDINFOQUERY
  (command >= 0x89f0 && command <= 0x89ff); // SIOCDEVPRIVATE, tunnels
const isIfreq = (command: number): boolean =>
  (command >= 0x8910 && command <= 0x894f && command !== SIOCGIFCONF) ||
  (command >= 0x8970 && command <= 0x8971) ||
  (command >= 0x8990 && command <= 0x8995) ||
  (command >= 0x89a2 && command <= 0x89a3) ||
  (command >= 0x89b0 && command <= 0x89b1) ||
  (command >= 0x89f0 && command <= 0x89ff);
/** _IOW('T', n, int), which are wrong about their size: TUNSETIFF, TUNGETIFF and TUNSETQUEUE take a struct ifreq. */
const tunIfreq = [0x4004_54ca, 0x8004_54d2, 0x4004_54d9];
/** Of these the argument is a number: TUNSETNOCSUM, TUNSETDEBUG, TUNSETPERSIST, TUNSETOWNER, TUNSETLINK, TUNSETGROUP, TUNSETOFFLOAD. */
const tunNumbers = [200, 201, 203, 204, 205, 206, 208].map((number) => 0x4004_5400 | number);
/** _IOW('T', 213, struct sock_fprog), whose size is another in our kernel. */
const TUNATTACHFILTER = { theirs: 0x4010_54d5, ours: 0x4008_54d5 } as const;
const TUNDETACHFILTER = { theirs: 0x4010_54d6, ours: 0x4008_54d6 } as const;
/** struct tun_filter: flags, how many addresses, and those. */
const TUNSETTXFILTER = 0x4004_54d1;
/** Those that answer a new descriptor: SIOCGSKNS, TUNGETDEVNETNS. */
const opening = [0x894c, 0x54e3];
/** Of old, without a size in them: so many bytes, in and out. */
const sizes: ReadonlyMap<number, number> = new Map([
  [FIONREAD, 4],
  [FIONBIO, 4],
  [FIOASYNC, 4],
  [SIOCOUTQ, 4],
  [SIOCATMARK, 4],
  [0x894b, 4], // SIOCOUTQNSD
  [0x8953, 68], // SIOCDARP: struct arpreq
  [0x8954, 68],
  [0x8955, 68],
  [0x89a0, 16], // SIOCBRADDBR: a name
  [0x89a1, 16],
]);
const [FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP] = [0x8901, 0x8902, 0x8903, 0x8904] as const;
/** What a driver may reach behind a pointer whose size it alone knows. */
const WINDOW = 4096;

async function answer(call: Call, task: KernelTask, file: OpenFile): Promise<Answer> {
  const command = call.uint(1);
  const at = call.size(2);
  if (command === SIOCGSTAMP || command === SIOCGSTAMPNS)
    return sized(call, task, file, (newStamp | command) >>> 0, { at, bytes: 16 });
  if (command === FIOSETOWN || command === SIOCSPGRP)
    return setOwner(call, task, file, ownerOfNumber(call.memory.view(at, 4).getInt32(0, true)));
  if (command === FIOGETOWN || command === SIOCGPGRP) {
    call.memory.write(at, new Uint8Array(Int32Array.of(numberOfOwner(call.around.owners.ownerOf(file))).buffer));
    return 0;
  }
  if (command === FIOASYNC) {
    const isAsync = call.memory.u32(at) !== 0;
    const ret = await sized(call, task, file, command, { at, bytes: 4 });
    return ret < 0 ? ret : call.around.owners.change(task, file, asynchronous(call, isAsync));
  }
  if (command === SIOCGIFCONF) return interfaces(call, task, file, at);
  if (command === SIOCADDRT || command === SIOCDELRT)
    return file.family === AF_INET6 ? route6(call, task, file, at) : route4(call, task, file, at);
  // Of IPv6 sockets these take a struct in6_ifreq.
  if (file.family === AF_INET6 && [0x8916, 0x8936, 0x8937].includes(command))
    return sized(call, task, file, command, { at, bytes: 24 });
  if (isIfreq(command) || tunIfreq.includes(command)) return ifreq(call, task, file, at);
  if (tunNumbers.includes(command)) return task.call('ioctl', file.fd, command, call.size(2) | 0);
  if (command === TUNDETACHFILTER.theirs) return task.call('ioctl', file.fd, TUNDETACHFILTER.ours, task.structs);
  if (command === TUNATTACHFILTER.theirs) {
    giveProgram(call, task, at);
    return task.call('ioctl', file.fd, TUNATTACHFILTER.ours, task.structs);
  }
  if (command === TUNSETTXFILTER)
    return sized(call, task, file, command, { at, bytes: 4 + 6 * call.memory.view(at, 4).getUint16(2, true) });
  const bytes = sizes.get(command) ?? (command >>> 16) & 0x3fff;
  if (bytes > 0) return sized(call, task, file, command, { at, bytes });
  if (opening.includes(command)) {
    const fd = await task.call('ioctl', file.fd, command, 0);
    return fd < 0 ? fd : { opened: { fd, isFile: true }, cloexec: true };
  }
  // A number, or a pointer that nothing is known of.
  return at < WINDOW
    ? task.call('ioctl', file.fd, command, at)
    : window(call, task, task.data, at, () => task.call('ioctl', file.fd, command, task.data));
}

/** About routes and interfaces, by whatever socket they are asked. */
const isOfNetwork = (command: number): boolean =>
  command >= SIOCADDRT && command <= 0x89ff && command !== 0x894b && !(command >= 0x89e0 && command <= 0x89ef);

/** if_nametoindex(3) and others ask by sockets of AF_UNIX, which are the machine's: for them one of ours asks. */
async function asked(call: Call): Promise<Answer> {
  const task = await call.task();
  const fd = await task.call('socket', AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return fd;
  try {
    return await answer(call, task, { fd, family: AF_INET, type: SOCK_DGRAM, inode: 0 });
  } finally {
    await task.call('close', fd);
  }
}

const ofOurs = onFile(answer);
const ioctl: Handler = (call) => {
  const found = ofOurs(call);
  if (found !== 'host' || !isOfNetwork(call.uint(1))) return found;
  return typeof call.thread.proc.descriptor(call.int(0)) === 'number' ? asked(call) : 'host';
};

async function sized(
  call: Call,
  task: KernelTask,
  file: OpenFile,
  command: number,
  { at, bytes }: { readonly at: number; readonly bytes: number },
): Promise<number> {
  const before = call.memory.read(at, bytes);
  task.memory.write(task.data, before);
  const ret = await task.call('ioctl', file.fd, command, task.data);
  giveChanged(call, at, before, task.memory.copy(task.data, bytes));
  return ret;
}

/** Copies as much as is there of a page's length, and afterwards what has changed of it. */
async function window(call: Call, task: KernelTask, to: Ptr, at: number, work: () => Promise<number>): Promise<number> {
  const before = call.memory.readSome(at, WINDOW);
  if (before.length === 0) throw new CallFailed('EFAULT');
  task.memory.view(to, WINDOW).fill(0);
  task.memory.write(to, before);
  const ret = await work();
  giveChanged(call, at, before, task.memory.copy(to, before.length));
  return ret;
}

/** From the first byte that is another to the last. */
function giveChanged(call: Call, at: number, before: Uint8Array, now: Uint8Array): void {
  let [first, last] = [0, before.length - 1];
  while (first <= last && before[first] === now[first]) first++;
  while (last > first && before[last] === now[last]) last--;
  if (first <= last) call.memory.write(at + first, now.slice(first, last + 1));
}

async function ifreq(call: Call, task: KernelTask, file: OpenFile, at: number): Promise<number> {
  const command = call.uint(1);
  const theirs = call.memory.read(at, IFREQ.theirs);
  const view = new DataView(theirs.buffer);
  const { memory, structs } = task;
  memory.view(structs, IFREQ.theirs).fill(0);
  memory.write(structs, theirs.subarray(0, IFREQ.ours));
  const make = () => task.call('ioctl', file.fd, command, structs);
  if (isPointer(command)) {
    const data = view.getUint32(16, true) + view.getUint32(20, true) * 2 ** 32;
    memory.setU32(plus(structs, 16), data === 0 ? 0 : task.data);
    return data === 0 ? make() : window(call, task, task.data, data, make);
  }
  if (command === SIOCSIFMAP) {
    memory.setU32(plus(structs, 16), view.getUint32(16, true));
    memory.setU32(plus(structs, 20), view.getUint32(24, true));
    memory.write(plus(structs, 24), theirs.subarray(32, 40));
  }
  const ret = await make();
  const now = memory.copy(structs, IFREQ.ours);
  if (command === SIOCGIFMAP && ret === 0) {
    view.setBigUint64(16, BigInt(memory.u32(plus(structs, 16))), true);
    view.setBigUint64(24, BigInt(memory.u32(plus(structs, 20))), true);
    theirs.set(now.subarray(24, 32), 32);
    call.memory.write(at, theirs);
  } else giveChanged(call, at, theirs.slice(0, IFREQ.ours), now);
  return ret;
}

/** struct ifconf: a length in bytes, and where to. */
async function interfaces(call: Call, task: KernelTask, file: OpenFile, at: number): Promise<number> {
  const view = call.memory.view(at, 16);
  const [length, to] = [view.getInt32(0, true), view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32];
  const room = Math.floor(Math.max(0, length) / IFREQ.theirs);
  const { memory, structs } = task;
  memory.setU32(structs, Math.min(room, 1024) * IFREQ.ours);
  memory.setU32(plus(structs, 4), to === 0 ? 0 : task.data);
  const ret = await task.call('ioctl', file.fd, SIOCGIFCONF, structs);
  if (ret < 0) return ret;
  const count = memory.u32(structs) / IFREQ.ours;
  if (to !== 0) {
    const out = new Uint8Array(count * IFREQ.theirs);
    for (let i = 0; i < count; i++) out.set(memory.copy(plus(task.data, i * IFREQ.ours), IFREQ.ours), i * IFREQ.theirs);
    call.memory.write(to, out);
  }
  call.memory.setU32(at, count * IFREQ.theirs);
  return ret;
}

/** struct rtentry: where fields lie here, there, and how long they are: destination, gateway and mask; flags. */
const rtentry = [
  [8, 4, 48],
  [56, 52, 2],
] as const;
const RTENTRY = { theirs: 120, ours: 84 } as const;

async function route4(call: Call, task: KernelTask, file: OpenFile, at: number): Promise<number> {
  const theirs = call.memory.read(at, RTENTRY.theirs);
  const view = new DataView(theirs.buffer);
  const { memory, structs } = task;
  memory.view(structs, RTENTRY.ours).fill(0);
  for (const [here, there, bytes] of rtentry) memory.write(plus(structs, there), theirs.subarray(here, here + bytes));
  // rt_metric lies behind rt_pad2 (short), rt_pad3 (long) and rt_pad4 (void *).
  memory.setU16(plus(structs, 64), view.getUint16(80, true));
  const device = view.getUint32(88, true) + view.getUint32(92, true) * 2 ** 32;
  if (device !== 0) {
    memory.writeCstring(plus(structs, 128), call.memory.string(device).subarray(0, 15));
    memory.setU32(plus(structs, 68), structs + 128);
  }
  for (const [here, there] of [
    [96, 72],
    [104, 76],
  ] as const)
    memory.setU32(plus(structs, there), view.getUint32(here, true));
  memory.setU16(plus(structs, 80), view.getUint16(112, true));
  return task.call('ioctl', file.fd, call.uint(1), structs);
}

/** struct in6_rtmsg: three addresses, four numbers in 12 bytes, a long, flags and the device. */
async function route6(call: Call, task: KernelTask, file: OpenFile, at: number): Promise<number> {
  const theirs = call.memory.read(at, 80);
  const { memory, structs } = task;
  memory.write(structs, theirs.subarray(0, 60));
  memory.write(plus(structs, 60), theirs.subarray(64, 68));
  memory.write(plus(structs, 64), theirs.subarray(72, 80));
  return task.call('ioctl', file.fd, call.uint(1), structs);
}

export const ioctlCalls = { ioctl } as const;
