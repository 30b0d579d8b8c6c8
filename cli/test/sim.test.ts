/** `lkl sim` from the outside: the example's table, its captures, and what it says of a network that cannot be. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lkl } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const network = (to: string) =>
  Buffer.from(
    JSON.stringify({
      hosts: { a: {}, b: {} },
      links: [{ endpoints: ['a', 'b'], delay: '20ms' }],
      workloads: [{ type: 'ping', from: 'a', to, count: 3 }],
      capture: ['b'],
    }),
  );

it('shows the flows, and writes what was captured', async () => {
  const { exitCode, stdout } = await lkl(['sim', '-', '--pcap', folder], network('b'));
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toMatch(/ping-0 +a → b +3 +3 +0 % +40 ms +40 ms +40 ms/);
  expect(readdirSync(folder)).toEqual(['b-eth0.pcapng']);
  expect(readFileSync(join(folder, 'b-eth0.pcapng')).readUInt32LE(0)).toBe(0x0a0d0d0a);
}, 120_000);

it('says where a network is wrong', async () => {
  const { exitCode, stderr } = await lkl(['sim', '-'], network('z'));
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('workloads[0].to');
}, 120_000);
