/** Kernels and simulated networks through the library. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootKernel, type SimulationRequest, simulate } from '../../src/library/index.ts';
import { fixtureDevice } from '../fixtures/load.ts';

describe('a kernel', () => {
  it('keeps what its calls did, and answers errors as values', async () => {
    await using kernel = await bootKernel();
    expect(await kernel.call('uname', { out: 'utsname' })).toMatchObject({ ret: 0, out: { sysname: 'Linux' } });
    expect(await kernel.call('mkdir', '/made', 0o755)).toMatchObject({ ret: 0 });
    expect(await kernel.call('mkdir', '/made', 0o755)).toMatchObject({ ret: -17, errno: 'EEXIST' });
    await kernel.run({ call: 'open', args: ['/made/file', 'O_RDWR|O_CREAT', 0o644], as: 'fd', expect: 'success' });
    expect(await kernel.call('write', { ref: 'fd' }, 'text', 4)).toMatchObject({ ret: 4 });
    expect(await kernel.call('stat', '/made/file', { out: 'stat' })).toMatchObject({ out: { st_size: 4 } });
  });

  it('has a network card while it is attached, as docs/interfaces.md shows it', async () => {
    await using kernel = await bootKernel({ clock: 'wall' });
    const { name, lease, detach } = await kernel.attach({ type: 'user', dhcp: true });
    expect([name, lease?.address]).toEqual(['eth0', '10.0.2.15']);
    await kernel.run({ call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 'fd', expect: 'success' });
    const ifreq = { struct: 'ifreq', ifr_name: 'eth0', ifr_mtu: 0 };
    expect(await kernel.call('ioctl', { ref: 'fd' }, 'SIOCGIFMTU', ifreq)).toMatchObject({ out: { ifr_mtu: 1500 } });
    await detach();
    expect(await kernel.call('ioctl', { ref: 'fd' }, 'SIOCGIFMTU', ifreq)).toMatchObject({ errno: 'ENODEV' });
    const refused = { code: 'ERR_BAD_OPTION', message: expect.stringContaining('"bus" is no type of interface') };
    await expect(kernel.attach({ type: 'bus' })).rejects.toMatchObject(refused);
    await expect(kernel.attach({ type: 'pcap', param: '/dev/null', mac: 'x' })).rejects.toThrow('x is no MAC address');
  });

  it('makes calls in the order in which they were asked for', async () => {
    await using kernel = await bootKernel();
    const rets = await Promise.all([
      kernel.call('mkdir', '/a', 0o755),
      kernel.call('mkdir', '/a/b', 0o755),
      kernel.call('rmdir', '/a'),
      kernel.call('rmdir', '/a/b'),
      kernel.call('rmdir', '/a'),
    ]);
    expect(rets.map(({ errno = 'done' }) => errno)).toEqual(['done', 'done', 'ENOTEMPTY', 'done', 'done']);
  });

  it('plays batches of several tasks in virtual time', async () => {
    await using kernel = await bootKernel({ seed: 'a' });
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 3600, tv_nsec: 0 }, null] };
    const report = await kernel.batch([{ call: 'getpid' }], {
      strace: true,
      tasks: { one: { calls: [sleep] }, two: { calls: [sleep] } },
    });
    expect(report.results).toMatchObject([{ ret: 1, strace: 'getpid() = 1' }]);
    expect(report.taskResults).toMatchObject({ one: [{ ret: 0 }], two: [{ ret: 0 }] });
    expect(report.clockNs).toBeGreaterThan(3600e9);
    expect(report.clockNs).toBeLessThan(3700e9);
    expect(await kernel.call('getpid')).toMatchObject({ ret: 1 });
  });

  it('has images as disks, mounted', async () => {
    await using kernel = await bootKernel({
      disks: [{ image: await fixtureDevice('ext4'), at: '/image', readOnly: true }],
    });
    const { out } = await kernel.call('stat', '/image/hello.txt', { out: 'stat' });
    expect(out).toMatchObject({ st_size: 13 });
  });

  it('says what is wrong with a call, and when it is no more', async () => {
    const kernel = await bootKernel();
    await expect(kernel.call('nosuchcall')).rejects.toMatchObject({ code: 'ERR_BAD_CALL' });
    await expect(bootKernel({ sysctl: { 'no.such': '1' } })).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' });
    await kernel.close();
    await kernel.close();
    await expect(kernel.call('getpid')).rejects.toMatchObject({ code: 'ERR_KERNEL_HALT' });
  });

  it('whose batch has a deadline has its call interrupted by it, and goes on', async () => {
    await using kernel = await bootKernel({ clock: 'wall' });
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 3600, tv_nsec: 0 }, null] };
    const { results, stopped } = await kernel.batch([sleep, { call: 'getppid' }], { deadlineMs: 20 });
    expect(results).toMatchObject([{ errno: 'EINTR' }]);
    expect(stopped).toMatchObject({ index: 0 });
    expect((await kernel.batch([{ call: 'getpid' }])).results).toMatchObject([{ ret: 1 }]);
  });
});

const request: SimulationRequest = {
  ...JSON.parse(readFileSync(join(import.meta.dirname, '../../examples/simulations/cubic-bbr.json'), 'utf8')),
  duration: '1s',
  samples: { interval: '100ms' },
};

describe('a simulation', () => {
  it('gives the same result watched or not', async () => {
    const watched = simulate(request);
    const times: number[] = [];
    for await (const { time_s } of watched) times.push(time_s);
    expect(times.length).toBeGreaterThan(5);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const result = await watched.result();
    expect(result.flows.length).toBeGreaterThan(0);
    expect(await simulate(request).result()).toEqual(result);
  });

  it('is stopped by who leaves its samples, and by a signal', async () => {
    const left = simulate({ ...request, duration: '1000s' });
    for await (const _ of left) break;
    await expect(left.result()).rejects.toThrow('nobody looks');
    const stopped = simulate({ ...request, duration: '1000s' }, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(stopped.result()).rejects.toThrow('enough');
  });

  it('says everything that is wrong with its request', async () => {
    const wrong = simulate({
      ...request,
      duration: 'long',
      links: [{ between: ['a', 'nobody'] }],
    } as unknown as SimulationRequest);
    const refusal = await wrong.result().catch((cause) => cause);
    expect(refusal).toMatchObject({ code: 'ERR_BAD_SIMULATION' });
    // Member by member, by their places.
    expect(refusal.problem.members.errors).toEqual([
      expect.objectContaining({ in: 'json', path: 'links[0].endpoints' }),
      expect.objectContaining({
        in: 'json',
        path: 'links[0].between',
        message: expect.stringContaining('no such member'),
      }),
    ]);
    const nothing = await simulate(undefined as unknown as SimulationRequest)
      .result()
      .catch((cause) => cause);
    expect(nothing).toMatchObject({ code: 'ERR_BAD_SIMULATION' });
    const inWords = simulate({ ...request, duration: 'long' });
    await expect(inWords.result()).rejects.toThrow('duration');
  });
});
