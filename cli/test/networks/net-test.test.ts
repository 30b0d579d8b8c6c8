/** `lkl net-test` from the outside: what needs no privilege. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parsePcap } from '../../../src/network/pcap.ts';
import { lkl, startLkl } from '../command.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('loopback: a kernel pings itself', async () => {
  const { exitCode, stdout } = await lkl(['net-test']);
  expect(stdout.toString()).toMatch(/^echo reply 127\.0\.0\.1 \d+\.\d{3} ms\n$/);
  expect(exitCode).toBe(0);
});

it('pipe: two processes ping each other, with a capture of it', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  const pcap = join(folder, 'it.pcap');
  const other = startLkl([
    'net-test',
    '--backend',
    'pipe',
    '--ifname',
    `${two}|${one}`,
    '--ip',
    '10.0.0.2',
    '--sleep',
    '60',
  ]);
  const own = ['net-test', '--backend', 'pipe', '--ifname', `${one}|${two}`, '--ip', '10.0.0.1', '--dst', '10.0.0.2'];
  const { exitCode, stdout } = await lkl([...own, '--count', '20', '--json', '--pcap', pcap]);
  other.kill();
  const { interface: card, pings } = JSON.parse(stdout.toString());
  expect(card).toMatchObject({ name: 'eth0', backend: `pipe ${one}|${two}` });
  // The other one may have begun later.
  expect(pings.at(-1)).toMatchObject({ ok: true, from: '10.0.0.2' });
  expect([0, 3]).toContain(exitCode);
  expect(parsePcap(readFileSync(pcap)).length).toBeGreaterThan(2);
});

it('user: DHCP, a ping of the world outside', async () => {
  const { exitCode, stdout } = await lkl(['net-test', '--backend', 'user', '--dhcp', '--dst', '192.0.2.1']);
  expect(stdout.toString()).toMatch(
    /^eth0 [\da-f:]{17} on user\n10\.0\.2\.15\/24 from 10\.0\.2\.2\necho reply 192\.0\.2\.1 /,
  );
  expect(exitCode).toBe(0);
});

it('what is not answered, and what cannot be, is said, with its exit code', async () => {
  const cases: [string[], number, RegExp][] = [
    [['--dst', '127.0.0.300'], 1, /--dst 127\.0\.0\.300: it is an address/],
    [['--backend', 'dpdk'], 4, /dpdk: its drivers own/],
    [['--backend', 'pipe', '--ifname', 'x'], 4, /two paths with a \| between them/],
    [['--backend', 'vde', '--ifname', folder], 4, /there is no switch/],
    [['--backend', 'pcap', '--ifname', `${join(folder, 'no.pcap')}|`], 4, /no such file or directory/],
    [['--count', '0'], 1, /It is a number from 1/],
    [
      ['--ip', '10.0.0.1', '--netmask-len', '40', '--backend', 'pcap', '--ifname', join(folder, 'w.pcap')],
      1,
      /has 32 bits/,
    ],
  ];
  writeFileSync(join(folder, 'bad.pcap'), 'no');
  cases.push([['--backend', 'pcap', '--ifname', `${join(folder, 'bad.pcap')}|`], 4, /it is no pcap file/]);
  for (const [args, code, message] of cases) {
    const { exitCode, stderr } = await lkl(['net-test', ...args]);
    expect({ args, exitCode, stderr }).toMatchObject({ exitCode: code, stderr: expect.stringMatching(message) });
  }
  const { exitCode, stdout } = await lkl([
    'net-test',
    '--backend',
    'pcap',
    '--ifname',
    join(folder, 'w.pcap'),
    '--ip',
    '10.0.0.1',
    '--dst',
    '10.0.0.2',
  ]);
  expect(stdout.toString()).toMatch(/no echo reply from 10\.0\.0\.2 in 1000 ms|no route to host/);
  expect(exitCode).toBe(3);
  // Its ARP requests are in the file.
  expect(parsePcap(readFileSync(join(folder, 'w.pcap'))).some(({ frame }) => frame[12] === 8 && frame[13] === 6)).toBe(
    true,
  );
});
