/** `lkl packetdrill` from the outside. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lkl } from '../command.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('passes scripts, with the files beside them that they name', async () => {
  script('set.sh', 'sysctl -q net.ipv4.tcp_syn_retries=3');
  const good = script('good.pkt', '`./set.sh`\n0 `grep 3 /proc/sys/net/ipv4/tcp_syn_retries`');
  const { exitCode, stdout } = await lkl(['packetdrill', '--ip-version', 'ipv4', '--ip-version', 'ipv6', '--', good]);
  expect(stdout.toString()).toBe(`${good} [ipv4]: passed\n${good} [ipv6]: passed\n`);
  expect(exitCode).toBe(0);
});

it('says at which line one did not pass, and ends with 3', async () => {
  const bad = script(
    'bad.pkt',
    '--ip_version=ipv4\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(WHAT, 1) = 1\n',
  );
  const { exitCode, stdout } = await lkl(['packetdrill', '-D', 'WHAT=3', bad]);
  expect(stdout.toString()).toBe(
    `${bad}:3: runtime error in listen call: Expected result 1 but got 0\n${bad} [ipv4]: failed\n`,
  );
  expect(exitCode).toBe(3);
});

it('says what is no script', async () => {
  const { exitCode, stderr } = await lkl(['packetdrill', join(folder, 'none.pkt')]);
  expect(stderr).toContain('none.pkt: no such file or directory');
  expect(exitCode).toBe(1);
});

it('says once what is wrong with a script that cannot be read, and ends with 1', async () => {
  const wrong = script('wrong.pkt', '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) == 0\n');
  const good = script('after.pkt', '--ip_version=ipv4\n0 `true`');
  const { exitCode, stdout } = await lkl(['packetdrill', wrong, good]);
  expect(stdout.toString()).toBe(
    `${wrong}:2:18: syntax error: a value was expected at "= 0"\n${wrong}: cannot be read\n${good} [ipv4]: passed\n`,
  );
  expect(exitCode).toBe(1);
});
