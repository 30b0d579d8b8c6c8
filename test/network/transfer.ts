/** A TCP transfer between two kernels, with every byte compared. */

import { AF } from '../../src/abi/netlink/constants.ts';
import { SHUT, SOCK } from '../../src/abi/uapi/socket.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import { close } from '../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../src/kernel/syscalls/memory.ts';
import { accept4, bind, connect, listen, recv, send, shutdown, socket } from '../../src/kernel/syscalls/net.ts';
import { address } from './hosts.ts';

const CHUNK = 65_536;
const byteAt = (at: number): number => (at * 31 + (at >> 9)) & 0xff;

const expected = new Uint8Array(CHUNK);
const fill = (from: number, length: number): Uint8Array => {
  for (let i = 0; i < length; i++) expected[i] = byteAt(from + i);
  return expected.subarray(0, length);
};

/** Listens; answers what settles with the bytes that came, or rejects at the first that is another. */
export async function sink(kernel: Kernel, port: number): Promise<{ readonly received: Promise<number> }> {
  const task = await kernel.spawn();
  const fd = must('socket', await socket(task, AF.INET, SOCK.STREAM));
  must('bind', await bind(task, fd, { address: new Uint8Array(4), port }));
  must('listen', await listen(task, fd, 4));
  const run = async (): Promise<number> => {
    const peer = must('accept4', await accept4(task, fd, 0));
    const buffer = await mapBuffer(task, CHUNK);
    let total = 0;
    for (;;) {
      const bytes = must('recvfrom', await recv(task, peer, buffer));
      if (bytes === 0) break;
      const got = task.memory.view(buffer.at, bytes);
      if (Buffer.compare(got, fill(total, bytes)) !== 0) throw new Error(`other bytes at ${total}`);
      total += bytes;
    }
    await close(task, peer);
    await close(task, fd);
    task.detach();
    return total;
  };
  return { received: run() };
}

/** Sends so many bytes. */
export async function source(kernel: Kernel, to: string, port: number, total: number): Promise<void> {
  const task = await kernel.spawn();
  const fd = must('socket', await socket(task, AF.INET, SOCK.STREAM));
  must('connect', await connect(task, fd, { address: address(to), port }), to);
  const buffer = await mapBuffer(task, CHUNK);
  for (let at = 0; at < total; ) {
    const length = Math.min(CHUNK, total - at);
    task.memory.write(buffer.at, fill(at, length));
    at += must('sendto', await send(task, fd, buffer, length));
  }
  must('shutdown', await shutdown(task, fd, SHUT.WR));
  await recv(task, fd, buffer); // until the other end has it all
  await close(task, fd);
  task.detach();
}

export async function transfer(from: Kernel, to: Kernel, toAddress: string, bytes: number): Promise<number> {
  const { received } = await sink(to, 5001);
  await source(from, toAddress, 5001, bytes);
  return received;
}
