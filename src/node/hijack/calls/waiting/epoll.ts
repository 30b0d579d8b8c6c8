/**
 * epoll(7) over descriptors of both kinds: an instance is one in our kernel, for files of ours, and one of the machine's, which this
 * process has, for the rest. The program has a placeholder for both.
 */

import { plus } from '../../../../kernel/memory.ts';
import { hostCall } from '../../../native/calls.ts';
import { DEL, EVENT_BYTES, epollNow } from '../../host/events.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { O_CLOEXEC } from '../files/open-flags.ts';
import { onFile } from '../on-file.ts';
import { putTimespec, signalSet, timespecMs, waitFor, whenPending } from './waiting.ts';

const EBADF = negative('EBADF');
const EINVAL = negative('EINVAL');
/** struct epoll_event in our kernel. */
const KERNEL_EVENT = 16;
const DATA = EVENT_BYTES === 12 ? 4 : 8;
const MOST_EVENTS = 1024;
/** Behind the timespec in the task's structs. */
const EVENT_AT = 64;

const create =
  (flagsOf: (call: Call) => number): Handler =>
  async (call): Promise<Answer> => {
    const flags = flagsOf(call);
    if (flags < 0 || (flags & ~O_CLOEXEC) !== 0) return EINVAL;
    const task = await call.task();
    const fd = await task.call('epoll_create1', 0);
    return fd < 0 ? fd : { opened: { fd, epoll: call.around.newHostHalf() }, cloexec: (flags & O_CLOEXEC) !== 0 };
  };

const control = onFile(async (call, task, file) => {
  if (!file.epoll) return EINVAL;
  const [op, fd, at] = [call.int(1), call.int(2), call.size(3)];
  const event = op === DEL ? new DataView(new ArrayBuffer(16)) : new DataView(call.memory.read(at, EVENT_BYTES).buffer);
  const [events, data] = [event.getUint32(0, true), op === DEL ? 0n : event.getBigUint64(DATA, true)];
  const target = call.around.fileOf(call.thread, fd);
  if (target === 'none') return EBADF;
  const ring = typeof target === 'object' ? call.around.rings.of(target) : undefined;
  if (ring) return file.epoll.control(op, fd, ring.event, events, data);
  if (typeof target === 'object') {
    const to = plus(task.structs, EVENT_AT);
    task.memory.setU32(to, events);
    task.memory.setU64(plus(to, 8), data);
    return task.call('epoll_ctl', file.fd, op, target.fd, to);
  }
  if (call.thread.proc.signalsOf(fd) !== undefined)
    return file.epoll.controlSignals(op, fd, { events, data, told: 0n });
  const copy = call.around.copyDescriptor(call.thread, fd);
  if (copy < 0) return copy;
  const ret = file.epoll.control(op, fd, copy, events, data);
  hostCall('close', copy);
  return ret;
});

interface Times {
  timeoutMs(call: Call): number | undefined;
  blocked(call: Call): bigint | undefined;
}

const waits = ({ timeoutMs: timeoutOf, blocked }: Times): Handler =>
  onFile(async (call, task, file) => {
    const { epoll } = file;
    if (!epoll) return EINVAL;
    const { proc } = call.thread;
    const signalsOf = (fd: number) => proc.signalsOf(fd);
    const asked = call.int(2);
    if (asked <= 0) return EINVAL;
    const most = Math.min(asked, MOST_EVENTS);
    const timeoutMs = timeoutOf(call);
    if (timeoutMs !== undefined && timeoutMs < 0) return EINVAL;
    let hosts: ReturnType<typeof epollNow> = [];
    const woken = await waitFor(call, task, {
      kernel: (task, ms) =>
        task.call('epoll_pwait2', file.fd, task.data, most, putTimespec(task, task.structs, ms), 0, 8),
      host: (then) => {
        const stops = [
          epoll.subscribe(then),
          ...(epoll.hasSignals ? [whenPending(call, () => epoll.signals(signalsOf), then)] : []),
        ];
        return () => {
          for (const stop of stops) stop();
        };
      },
      hostNow() {
        // What was seen once would not be seen again by those who want edges.
        if (epoll.count > 0 && hosts.length === 0) {
          call.around.rings.refresh();
          const signals = epoll.hasSignals ? epoll.signalsNow(proc.pendingSignals, signalsOf) : [];
          hosts = [...signals, ...epollNow(epoll.fd, most)].slice(0, most);
        }
        return hosts.length;
      },
      timeoutMs,
      blocked: blocked(call),
    });
    if (typeof woken !== 'object') return woken;
    return give(call, task, hosts, woken.kernel, most);
  });

/** Those of the machine first: they are few. What of our kernel's then has no room is rare, and told again unless by edges. */
function give(call: Call, task: KernelTask, hosts: ReturnType<typeof epollNow>, kernel: number, most: number): number {
  const fromKernel = Math.min(kernel, most);
  const fromHost = Math.min(hosts.length, most - fromKernel);
  const count = fromKernel + fromHost;
  if (count === 0) return 0;
  const out = new DataView(new ArrayBuffer(EVENT_BYTES * count));
  for (let i = 0; i < fromKernel; i++) {
    const at = plus(task.data, KERNEL_EVENT * i);
    out.setUint32(EVENT_BYTES * i, task.memory.u32(at), true);
    out.setBigUint64(EVENT_BYTES * i + DATA, task.memory.u64(plus(at, 8)), true);
  }
  for (const [i, { events, data }] of hosts.slice(0, fromHost).entries()) {
    const at = EVENT_BYTES * (fromKernel + i);
    out.setUint32(at, events, true);
    out.setBigUint64(at + DATA, data, true);
  }
  call.memory.write(call.size(1), new Uint8Array(out.buffer));
  return count;
}

const milliseconds = (call: Call): number | undefined => (call.int(3) < 0 ? undefined : call.int(3));
const masked = (call: Call): bigint | undefined => signalSet(call, call.size(4));

export const epollCalls = {
  epoll_create: create((call) => (call.int(0) <= 0 ? -1 : 0)),
  epoll_create1: create((call) => call.int(0)),
  epoll_ctl: control,
  epoll_wait: waits({ timeoutMs: milliseconds, blocked: () => undefined }),
  epoll_pwait: waits({ timeoutMs: milliseconds, blocked: masked }),
  epoll_pwait2: waits({ timeoutMs: (call) => timespecMs(call, call.size(3)), blocked: masked }),
} as const;
