/** Connections to servers in a kernel, as byte streams over one task. */

import { afterEach, expect, it } from 'vitest';
import { AF } from '../../src/abi/netlink/constants.ts';
import { setLink } from '../../src/abi/netlink/links/link.ts';
import { MSG, SOCK } from '../../src/abi/uapi/socket.ts';
import type { ClockPolicy } from '../../src/kernel/host.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import { close } from '../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../src/kernel/syscalls/memory.ts';
import { accept4, bind, listen, recv, send, socket } from '../../src/kernel/syscalls/net.ts';
import { connectIn, type KernelStream } from '../../src/network/sockets/kernel-stream.ts';
import { Reactor } from '../../src/network/sockets/reactor.ts';
import { address, kernelWith, rtnl } from './hosts.ts';

const kernels: Kernel[] = [];
afterEach(() => {
  for (const one of kernels.splice(0)) one.kill();
});

async function started(clock: ClockPolicy) {
  const kernel = kernelWith(clock);
  kernels.push(kernel);
  await rtnl(kernel, setLink(1, { up: true }));
  const reactor = await Reactor.open(kernel);
  return { kernel, reactor };
}

/** Sends back what comes, on as many connections as come. */
async function echoing(kernel: Kernel, port: number): Promise<void> {
  const task = await kernel.spawn();
  const fd = must('socket', await socket(task, AF.INET, SOCK.STREAM));
  must('bind', await bind(task, fd, { address: address('127.0.0.1'), port }));
  must('listen', await listen(task, fd, 100));
  const serve = async () => {
    for (;;) {
      const peer = must('accept4', await accept4(task, fd, 0));
      const own = await kernel.spawn(task, 0);
      await close(task, peer);
      (async () => {
        const buffer = await mapBuffer(own, 20_000);
        for (let n = await recv(own, peer, buffer); n > 0; n = await recv(own, peer, buffer))
          for (let at = 0; at < n; )
            at += must(
              'sendto',
              await send(own, peer, { at: (buffer.at + at) as typeof buffer.at, bytes: n - at }, n - at),
            );
        await own.syscall('exit_group', 0);
      })().catch(() => {});
    }
  };
  serve().catch(() => {});
}

async function all(stream: KernelStream): Promise<number> {
  let total = 0;
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) total += bytes.length;
  return total;
}

it.each(['wall', 'virtual'] as const)(
  'many connections at once, each with more than its buffers hold, clock %s',
  async (clock) => {
    const { kernel, reactor } = await started(clock);
    await echoing(kernel, 7);
    const resume = kernel.init.pause();
    const one = async (size: number) => {
      const stream = await connectIn(reactor, { address: address('127.0.0.1'), port: 7 });
      const reading = all(stream);
      await stream.write(new Uint8Array(size));
      await stream.end();
      const total = await reading;
      await stream.abort();
      return total;
    };
    const sizes = [0, 1, 65_536, 300_000, 1_000_000, 5];
    expect(await Promise.all(sizes.map(one))).toEqual(sizes);
    resume();
    await reactor.end();
    expect(reactor.closed).toBe(true);
  },
);

it('small messages go both ways one after another while virtual time stands still', async () => {
  const { kernel, reactor } = await started('virtual');
  const task = await kernel.spawn();
  const listener = must('socket', await socket(task, AF.INET, SOCK.STREAM));
  must('bind', await bind(task, listener, { address: address('127.0.0.1'), port: 7 }));
  must('listen', await listen(task, listener, 1));
  const stream = await connectIn(reactor, { address: address('127.0.0.1'), port: 7 });
  const peer = must('accept4', await accept4(task, listener, 0));
  const buffer = await mapBuffer(task, 100);
  const before = kernel.engine.clock.nowNs;
  for (let i = 1; i <= 5; i++) {
    await stream.write(new Uint8Array(i));
    expect(await recv(task, peer, buffer, MSG.DONTWAIT)).toBe(i);
  }
  for (let i = 1; i <= 5; i++) await send(task, peer, buffer, i);
  let heard = 0;
  while (heard < 15) heard += (await stream.read())?.length ?? expect.fail('it ended');
  // A call takes some nanoseconds; an acknowledgement that is put off takes 40 ms.
  expect(kernel.engine.clock.nowNs - before).toBeLessThan(1e6);
  await stream.abort();
  await reactor.end();
});

it('who is not read from does not hold up the others, and is reset when it is given up', async () => {
  const { kernel, reactor } = await started('wall');
  await echoing(kernel, 7);
  const stuck = await connectIn(reactor, { address: address('127.0.0.1'), port: 7 });
  const writing = stuck.write(new Uint8Array(20_000_000));
  writing.catch(() => {});
  const other = await connectIn(reactor, { address: address('127.0.0.1'), port: 7 });
  await other.write(Uint8Array.of(1, 2, 3));
  expect(await other.read()).toEqual(Uint8Array.of(1, 2, 3));
  await other.abort();
  await stuck.abort();
  await expect(writing).rejects.toThrow();
  await expect(connectIn(reactor, { address: address('127.0.0.1'), port: 9 })).rejects.toThrow('ECONNREFUSED');
  await expect(connectIn(reactor, { address: address('10.1.1.1'), port: 9 })).rejects.toThrow('ENETUNREACH');
  await reactor.end();
});

it('when the kernel dies every stream ends', async () => {
  const { kernel, reactor } = await started('wall');
  await echoing(kernel, 7);
  const stream = await connectIn(reactor, { address: address('127.0.0.1'), port: 7 });
  const reading = stream.read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  kernel.kill();
  await expect(reading).rejects.toThrow();
  await stream.abort();
  await reactor.end();
});
