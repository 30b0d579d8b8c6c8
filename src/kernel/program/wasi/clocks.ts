/** clock_*, poll_oneoff and what else has to do with time and waiting. WASI's clocks have Linux's numbers. */

import { errnos } from '../../../abi/errno.ts';
import { plus, ptr } from '../../memory.ts';
import { BADF, INVAL, SUCCESS, wasiErrno } from './errno.ts';
import { SECOND } from './filestat.ts';
import {
  answerU32,
  answerU64,
  mustHave,
  STRUCT_BYTES,
  structAt,
  type WasiCall,
  type WasiProgram,
} from './wasi-program.ts';

/** Those that Linux has by the same numbers: realtime, monotonic, of the process, of the thread. */
const CLOCKS = 4;

async function clockNs(
  program: WasiProgram,
  call: 'clock_gettime64' | 'clock_getres_time64',
  clock: number,
): Promise<bigint | number> {
  if (clock >>> 0 >= CLOCKS) return -errnos.EINVAL.number;
  const at = structAt(program);
  const ret = await program.syscall(call, clock, at);
  return ret < 0 ? ret : program.memory.i64(at) * SECOND + program.memory.i64(plus(at, 8));
}

async function clock(
  program: WasiProgram,
  call: 'clock_gettime64' | 'clock_getres_time64',
  id: number,
  out: number,
): Promise<number> {
  const ns = await clockNs(program, call, id);
  if (typeof ns === 'number') return wasiErrno(ns);
  answerU64(program.memory, out, ns);
  return SUCCESS;
}

/** __wasi_subscription_t and __wasi_event_t */
const SUBSCRIPTION = { tag: 8, fd: 16, clock: 16, timeout: 24, flags: 40, bytes: 48 };
const EVENT = { error: 8, type: 10, nbytes: 16, flags: 24, bytes: 32 };
const TAG = { clock: 0, read: 1, write: 2 };
const ABSOLUTE = 1;
const HANGUP = 1;

/** struct pollfd, and poll.h. */
const POLLFD = { bytes: 8, events: 4, revents: 6 };
const POLLIN = 1;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;
const POLLNVAL = 32;
const FIONREAD = 0x541b;

interface Waited {
  readonly userdata: bigint;
  readonly tag: number;
  /** Of a file: which, and its place among those that are polled. */
  readonly fd: number;
  readonly slot: number;
  /** Of a clock: how long from now. */
  readonly ns: bigint;
}

interface Event {
  readonly waited: Waited;
  readonly error: number;
  readonly nbytes?: bigint;
  readonly isHangup?: boolean;
}

/** What is waited for; a WASI errno where that makes no sense. */
async function subscriptions(program: WasiProgram, at: number, count: number): Promise<readonly Waited[] | number> {
  const { memory } = program;
  const all: Waited[] = [];
  let slots = 0;
  for (let i = 0; i < count; i++) {
    const one = plus(ptr(at), i * SUBSCRIPTION.bytes);
    const userdata = memory.u64(one);
    const tag = memory.u8(plus(one, SUBSCRIPTION.tag));
    if (tag !== TAG.clock && tag !== TAG.read && tag !== TAG.write) return INVAL;
    if (tag !== TAG.clock) {
      all.push({ userdata, tag, fd: memory.i32(plus(one, SUBSCRIPTION.fd)), slot: slots++, ns: 0n });
      continue;
    }
    const timeout = memory.u64(plus(one, SUBSCRIPTION.timeout));
    const id = memory.u32(plus(one, SUBSCRIPTION.clock));
    const isAbsolute = (memory.u16(plus(one, SUBSCRIPTION.flags)) & ABSOLUTE) !== 0;
    const now = await clockNs(program, 'clock_gettime64', id);
    if (typeof now === 'number') return INVAL;
    const ns = isAbsolute ? timeout - now : timeout;
    all.push({ userdata, tag, fd: -1, slot: -1, ns: ns < 0n ? 0n : ns });
  }
  return all;
}

const isClock = ({ tag }: Waited): boolean => tag === TAG.clock;

/** Waits until a file is ready or the first clock is due. Answers what poll(2) does. */
async function wait(program: WasiProgram, all: readonly Waited[]): Promise<number> {
  const { memory } = program;
  const pollfds = structAt(program);
  const files = all.filter((one) => !isClock(one));
  for (const { fd, slot, tag } of files) {
    const at = plus(pollfds, slot * POLLFD.bytes);
    memory.setU32(at, fd);
    memory.setU32(plus(at, POLLFD.events), tag === TAG.read ? POLLIN : POLLOUT);
  }
  const timeout = plus(pollfds, files.length * POLLFD.bytes);
  const first = all
    .filter(isClock)
    .reduce<bigint | undefined>((min, { ns }) => (min === undefined || ns < min ? ns : min), undefined);
  if (first !== undefined) {
    memory.setU64(timeout, first / SECOND);
    memory.setU64(plus(timeout, 8), first % SECOND);
  }
  return program.syscall('ppoll_time64', pollfds, files.length, first === undefined ? 0 : timeout, 0, 0);
}

/** What has happened, after `wait`. */
async function events(program: WasiProgram, all: readonly Waited[], isTimeout: boolean): Promise<readonly Event[]> {
  const { memory } = program;
  const pollfds = structAt(program);
  const ready = all
    .filter((one) => !isClock(one))
    .map((waited) => ({ waited, revents: memory.u16(plus(pollfds, waited.slot * POLLFD.bytes + POLLFD.revents)) }))
    .filter(({ revents }) => revents !== 0);
  const found: Event[] = [];
  for (const { waited, revents } of ready) {
    if (revents & POLLNVAL) {
      found.push({ waited, error: BADF });
      continue;
    }
    const isHangup = (revents & (POLLHUP | POLLERR)) !== 0;
    found.push({ waited, error: SUCCESS, nbytes: await readableBytes(program, waited), isHangup });
  }
  if (!isTimeout) return found;
  const due = all.filter(isClock).reduce((min, one) => (one.ns < min.ns ? one : min));
  return all.filter((one) => isClock(one) && one.ns === due.ns).map((waited) => ({ waited, error: SUCCESS }));
}

async function readableBytes(program: WasiProgram, { fd, tag }: Waited): Promise<bigint> {
  if (tag !== TAG.read) return 1n;
  const at = structAt(program);
  return (await program.syscall('ioctl', fd, FIONREAD, at)) < 0 ? 1n : BigInt(program.memory.u32(at));
}

async function poll(program: WasiProgram, from: number, out: number, count: number, told: number): Promise<number> {
  const { memory } = program;
  const number = count >>> 0;
  if (number === 0 || number * POLLFD.bytes + 16 > STRUCT_BYTES) return INVAL;
  mustHave(memory, ptr(from), number * SUBSCRIPTION.bytes);
  mustHave(memory, ptr(out), number * EVENT.bytes);
  const all = await subscriptions(program, from, number);
  if (typeof all === 'number') return all;
  const ret = await wait(program, all);
  if (ret < 0) return wasiErrno(ret);
  const found = await events(program, all, ret === 0);
  for (const [i, { waited, error, nbytes = 0n, isHangup = false }] of found.entries()) {
    const at = plus(ptr(out), i * EVENT.bytes);
    memory.bytes.fill(0, at, at + EVENT.bytes);
    memory.setU64(at, waited.userdata);
    memory.setU16(plus(at, EVENT.error), error);
    memory.bytes[at + EVENT.type] = waited.tag;
    memory.setU64(plus(at, EVENT.nbytes), nbytes);
    memory.setU16(plus(at, EVENT.flags), isHangup ? HANGUP : 0);
  }
  answerU32(memory, told, found.length);
  return SUCCESS;
}

export const clockCalls = {
  clock_time_get: (program: WasiProgram, id: number, _precision: bigint, out: number) =>
    clock(program, 'clock_gettime64', id, out),
  clock_res_get: (program: WasiProgram, id: number, out: number) => clock(program, 'clock_getres_time64', id, out),
  poll_oneoff: poll,
} as const satisfies Readonly<Record<string, WasiCall>>;
