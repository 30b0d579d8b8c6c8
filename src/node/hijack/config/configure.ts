/** Makes of a fresh kernel what LKL's configuration says, in LKL's order: devices, command line, mounts, addresses, routes, sysctls. */

import { AT_FDCWD } from '../../../abi/uapi/fs.ts';
import { settingOf, wordsOf } from '../../../batch/command-line.ts';
import { applySetting } from '../../../batch/kernel-setup.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { plus } from '../../../kernel/memory.ts';
import { mkdirat } from '../../../kernel/syscalls/dir.ts';
import { mount } from '../../../kernel/syscalls/mount.ts';
import { setSysctl } from '../../../kernel/syscalls/sysctl.ts';
import { type Hijack, planHijack } from '../../../simulation/hijack/hijack.ts';
import { applyHijack } from '../../../simulation/hijack/hijack-run.ts';
import { kernelTables } from '../../../simulation/links/host-tables.ts';
import { type Issue, Place } from '../../../simulation/plan/issue.ts';
import { hostCall } from '../../native/calls.ts';
import { attachInterface, interfaceTypes } from '../../net/attach.ts';
import { InterfaceError } from '../../net/interface-error.ts';
import { HijackError } from '../host/launch.ts';

/** Reads LKL's object. Throws `HijackError` with all that LKL would refuse. */
export function readConfiguration(value: unknown): Hijack {
  const issues: Issue[] = [];
  const hijack = planHijack(new Place({ issues, warnings: [] }), value, 'program');
  if (hijack && issues.length === 0) return hijack;
  throw new HijackError(issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '));
}

const MEMORY_WORD = /^mem=(\d+)([kmg]?)$/i;
const MIB: Readonly<Record<string, number>> = { '': 2 ** -20, k: 2 ** -10, m: 1, g: 2 ** 10 };

/** MiB that the command line gives the kernel; undefined: it does not say. */
export function memoryOf({ bootCommandLine = '' }: Hijack): number | undefined {
  const sizes = wordsOf(bootCommandLine).flatMap((word) => {
    const [, digits, unit = ''] = MEMORY_WORD.exec(word) ?? [];
    return digits === undefined ? [] : [Number(digits) * (MIB[unit.toLowerCase()] ?? 1)];
  });
  return sizes.at(-1);
}

/** A kernel that began small counts its memory as it was then: what it may have is more. */
async function sizeTables(kernel: Kernel, memoryMib: number): Promise<void> {
  const { init } = kernel;
  // In pages: as Linux has it for a machine of so much memory, an eighth of it and a little more.
  const pages = memoryMib * 256;
  const limits = [Math.floor(pages / 8), Math.floor(pages / 6), Math.floor(pages / 4)].join(' ');
  for (const key of ['net.ipv4.tcp_mem', 'net.ipv4.udp_mem']) await setSysctl(init, key, limits);
  for (const [key, value] of [...Object.entries(kernelTables), ...buffersOf(memoryMib)])
    await setSysctl(init, key, value);
  await setSysctl(init, 'kernel.threads-max', String(THREADS_MAX));
  await setSysctl(init, 'fs.file-max', String(FILES_MAX));
  const limit = new BigUint64Array([BigInt(FILES_MAX), BigInt(FILES_MAX)]);
  init.memory.write(init.scratch, new Uint8Array(limit.buffer));
  must('prlimit64', await init.syscall('prlimit64', 0, RLIMIT_NOFILE, init.scratch, 0));
}
/** What a connection may hold grows with the machine, too: a 128th of it as tcp_init() has it, but no less than with some hundred MiB. */
function buffersOf(memoryMib: number): readonly (readonly [string, string])[] {
  const share = (memoryMib * MIB_BYTES) / 128;
  const between = (least: number, most: number) => Math.floor(Math.max(least, Math.min(most, share)));
  return [
    ['net.ipv4.tcp_rmem', `4096 131072 ${between(2 * MIB_BYTES, 6 * MIB_BYTES)}`],
    ['net.ipv4.tcp_wmem', `4096 131072 ${between(MIB_BYTES, 4 * MIB_BYTES)}`],
  ];
}
const MIB_BYTES = 2 ** 20;
const [THREADS_MAX, FILES_MAX, RLIMIT_NOFILE] = [4096, 65_536, 7] as const;

const CLOCK_REALTIME = 0;

function hostNowNs(): bigint {
  const time = new BigInt64Array(2);
  hostCall('clock_gettime', CLOCK_REALTIME, time);
  return (time[0] ?? 0n) * NS_PER_S + (time[1] ?? 0n);
}
const NS_PER_S = 1_000_000_000n;

/**
 * Sets the kernel's date as this machine has it, to some microseconds: programs compare times of packets, which are the one's, with those that they
 * read, which are the other's.
 */
export async function setDate(kernel: Kernel): Promise<void> {
  const { init } = kernel;
  const at = init.scratch;
  const set = async (ns: bigint) => {
    init.memory.write(at, new Uint8Array(BigInt64Array.of(ns / NS_PER_S, ns % NS_PER_S).buffer));
    must('clock_settime64', await init.syscall('clock_settime64', CLOCK_REALTIME, at));
  };
  await set(hostNowNs());
  const before = hostNowNs();
  must('clock_gettime64', await init.syscall('clock_gettime64', CLOCK_REALTIME, at));
  const here = init.memory.i64(at) * NS_PER_S + init.memory.i64(plus(at, 8));
  // By as much as the call took to get there.
  const late = (before + hostNowNs()) / 2n - here;
  await set(hostNowNs() + late);
}

export interface Configured {
  /** Directories that something is mounted on, as the configuration says. */
  readonly mounts: readonly string[];
  readonly resolves: boolean;
  readonly delayUs: number;
  /** What is not as it was asked for. */
  readonly warnings: readonly string[];
}

/** Rejects with `HijackError` when an interface cannot be had. */
export async function configure(kernel: Kernel, hijack: Hijack, memoryMib: number): Promise<Configured> {
  const warnings: string[] = [];
  await sizeTables(kernel, memoryMib);
  // Where names of network namespaces lie.
  await mkdirat(kernel.init, AT_FDCWD, '/run', 0o755);
  // And those of message queues.
  await mkdirat(kernel.init, AT_FDCWD, '/dev/mqueue', 0o1777);
  must('mount', await mount(kernel.init, 'mqueue', '/dev/mqueue', 'mqueue', 0), '/dev/mqueue');
  for (const [i, { type, param, mac, offload }] of hijack.interfaces.entries()) {
    if (type === undefined)
      throw new HijackError(`interfaces[${i}].type: an interface needs one: ${interfaceTypes.join(', ')}`);
    const attached = await attachInterface(kernel, { type, param, mac, offload }).catch((cause: unknown) => {
      throw cause instanceof InterfaceError ? new HijackError(`interfaces[${i}]: ${cause.message}`) : cause;
    });
    warnings.push(...attached.warnings);
  }
  for (const word of wordsOf(hijack.bootCommandLine ?? '')) {
    if (MEMORY_WORD.test(word)) continue;
    try {
      await applySetting(kernel.init, settingOf(word));
    } catch (cause) {
      if (!(cause instanceof HostError)) throw cause;
      warnings.push(`boot_cmdline: ${cause.message}`);
    }
  }
  const told = [...hijack.notes, ...(await applyHijack(kernel.init, hijack.interfaces.length, hijack))];
  warnings.push(...told.filter(({ kind }) => kind === 'warning').map(({ key, message }) => `${key}: ${message}`));
  // Programs have masks of their own.
  must('umask', await kernel.init.syscall('umask', 0));
  const of = <A extends Hijack['actions'][number]['action']>(name: A) =>
    hijack.actions.filter((action): action is Extract<typeof action, { action: A }> => action.action === name);
  return {
    mounts: of('mount').map(({ directory }) => directory),
    resolves: of('nameserver').length > 0,
    delayUs: of('delay').reduce((sum, { us }) => sum + us, 0),
    warnings,
  };
}
