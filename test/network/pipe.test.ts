/** LKL's `pipe`: two kernels on two fifos, and what it does with bytes that are no frames. */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { readText } from '../../src/kernel/sysfs.ts';
import { nodeHost } from '../../src/node/host.ts';
import { attachInterface, type InterfaceSpec } from '../../src/node/net/attach.ts';
import { configure, kernelWith, ping } from './hosts.ts';
import { transfer } from './transfer.ts';

let folder = '';
const kernels: Kernel[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lkl-pipe-'));
});
afterEach(() => {
  for (const one of kernels.splice(0)) one.kill();
  rmSync(folder, { recursive: true });
});

async function host(param: string, ip: string, more: Partial<InterfaceSpec> = {}): Promise<Kernel> {
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const { index } = await attachInterface(kernel, { type: 'pipe', param, ...more });
  await configure(kernel, index, ip);
  return kernel;
}

const paths = () => [join(folder, 'one'), join(folder, 'two')] as const;

/** Of a descriptor that does not wait: 0 where nothing has come. */
function readWhatIsThere(fd: number, into: Uint8Array): number {
  try {
    return readSync(fd, into);
  } catch {
    return 0;
  }
}

it('net-test: two kernels ping each other over two fifos', async () => {
  const [one, two] = paths();
  execFileSync('mkfifo', [one]);
  const a = await host(`${one}|${two}`, '192.168.14.1');
  const b = await host(`${two}|${one}`, '192.168.14.2');
  expect(statSync(two).isFIFO()).toBe(true);
  b.init.detach();
  expect(await ping(a, '192.168.14.2')).toMatchObject({ ok: true, from: '192.168.14.2' });
  a.init.detach();
  b.init.attach();
  expect(await ping(b, '192.168.14.1')).toMatchObject({ ok: true, from: '192.168.14.1' });
});

it.each([
  ['none', 0],
  ['those of hijack-test.sh', 0x8883],
] as const)('TCP goes through fifos that fill up, with offloads: %s', async (_, offload) => {
  const [one, two] = paths();
  const a = await host(`${one}|${two}`, '192.168.14.1', { offload });
  const b = await host(`${two}|${one}`, '192.168.14.2', { offload });
  for (const each of [a, b]) each.init.detach();
  expect(await transfer(a, b, '192.168.14.2', 2_000_000)).toBe(2_000_000);
});

it('a frame is its length in 32 bits, a virtio-net header of 12 bytes and itself; a kernel without a peer goes on', async () => {
  const [one, two] = paths();
  const a = await host(`${one}|${two}`, '192.168.14.1', { mac: Uint8Array.of(2, 0, 0, 0, 0, 7) });
  const fd = openSync(two, constants.O_RDONLY | constants.O_NONBLOCK);
  const bytes = new Uint8Array(65_536);
  const types: number[] = [];
  // Frames are written when the kernel has its turn: a second of ARP, then it asks again.
  for (let asked = 0; asked < 25 && !types.includes(0x0806); asked++) {
    expect(await ping(a, '192.168.14.2', 200)).toMatchObject({ ok: false });
    const length = readWhatIsThere(fd, bytes);
    for (let at = 0; at < length; ) {
      const view = new DataView(bytes.buffer, at);
      types.push(view.getUint16(4 + 12 + 12));
      expect([...bytes.subarray(at + 4 + 12 + 6, at + 4 + 12 + 12)]).toEqual([2, 0, 0, 0, 0, 7]);
      at += 4 + view.getUint32(0, true);
    }
  }
  closeSync(fd);
  expect(types).toContain(0x0806); // ARP asks for 192.168.14.2
  // Nobody reads: the fifo fills, and frames wait or are lost.
  for (let i = 0; i < 3; i++) expect(await ping(a, '192.168.14.2', 50)).toMatchObject({ ok: false });
});

it('bytes that are no frames end the cable, not the kernel', async () => {
  const [one, two] = paths();
  const a = await host(`${one}|${two}`, '192.168.14.1');
  const carrier = () => readText(a.init, '/sys/class/net/eth0/carrier');
  const fd = openSync(one, constants.O_WRONLY);
  const frame = new Uint8Array(4 + 12 + 60);
  new DataView(frame.buffer).setUint32(0, 72, true);
  // In pieces, as a pipe may give it.
  for (const byte of frame) {
    writeSync(fd, Uint8Array.of(byte));
    if (byte === 0) continue;
    await nodeHost.turn();
  }
  const received = () => readText(a.init, '/sys/class/net/eth0/statistics/rx_packets');
  while ((await received()) !== '1') await nodeHost.turn();
  expect(await carrier()).toBe('1');
  writeSync(fd, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
  while ((await carrier()) !== '0') await nodeHost.turn();
  closeSync(fd);
});

it.each([
  ['', 'two paths with a | between them'],
  ['a', 'two paths with a | between them'],
  ['a|', 'two paths with a | between them'],
  ['a|b|c', 'two paths with a | between them'],
  ['FOLDER/x|FOLDER/x', 'it would hear itself'],
  ['FOLDER/no/x|FOLDER/y', 'there is no directory for'],
  ['FOLDER/file|FOLDER/y', 'is no fifo'],
  ['FOLDER/y|FOLDER/file', 'is no fifo'],
  ['FOLDER/dir|FOLDER/y', 'EISDIR'],
])('pipe %s is refused: %s', async (param, message) => {
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'dir'));
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  const spec = { type: 'pipe', param: param.replaceAll('FOLDER', folder) };
  await expect(attachInterface(kernel, spec)).rejects.toThrow(message);
  expect(kernel.nets.all).toEqual([]);
});

it.each([
  [{ type: 'dpdk' }, 'dpdk: its drivers own'],
  [{ type: 'wintap' }, '"wintap" is no type of interface: '],
  [{ type: 'toString' }, 'is no type of interface'],
  [{ type: 'tap', param: 'a name' }, 'name of a device'],
  [{ type: 'tap', param: '0123456789abcdef' }, '1 to 15 bytes'],
  [{ type: 'tap', param: 't', mtu: 67 }, 'an MTU is 68 to 65535'],
  [{ type: 'tap', param: 't', mac: new Uint8Array(6) }, '00:00:00:00:00:00 is no address of one network card'],
  [{ type: 'tap', param: 't', mac: Uint8Array.of(1, 2, 3, 4, 5, 6) }, 'is no address of one network card'],
  [{ type: 'raw', param: 'lkl-no-such' }, 'raw lkl-no-such: '],
  [{ type: 'macvtap', param: 'lkl-no-such' }, 'this machine has no such device'],
  [{ type: 'macvtap', param: '/dev/null' }, 'is no macvtap'],
  [{ type: 'vde', param: '/no/such' }, 'there is no switch'],
  [{ type: 'vde', param: '' }, 'directory of a vde_switch'],
] as const)('%o is refused: %s', async (spec, message) => {
  const kernel = kernelWith('wall');
  kernels.push(kernel);
  await expect(attachInterface(kernel, spec)).rejects.toThrow(message);
  expect(kernel.nets.all).toEqual([]);
});
