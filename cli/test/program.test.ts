/** What the command says of itself: versions, completion, man page; and `lkl call`. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manPage } from '../../scripts/package/man.ts';
import { lklProgram } from '../program.ts';
import { lkl, unpackFixture } from './command.ts';
import { keptLkl } from './kept/kept.ts';
import { launcher } from './launcher.ts';

const kept = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-program-'));
const image = join(folder, 'ext4.img');
beforeAll(() => unpackFixture('ext4', image));
afterAll(() => rmSync(folder, { recursive: true }));

const batch = (value: unknown) => Buffer.from(JSON.stringify(value));
const version = [
  { call: 'openat', args: ['AT_FDCWD', '/proc/version', 'O_RDONLY'], as: 'fd' },
  { call: 'read', args: [{ ref: 'fd' }, { out: 200 }, 200] },
];

describe('--version', () => {
  it('says package, Linux and Debian source', async () => {
    const kernel = JSON.parse(readFileSync(new URL('../../wasm/dist/kernel.json', import.meta.url), 'utf8'));
    const { exitCode, stdout } = await lkl(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(
      /^lkl \d+\.\d+\.\d+ \(Linux 6\.12\.\d+, Debian linux-source-6\.12 6\.12\.\S+\)\n$/,
    );
    expect(stdout.toString()).toContain(kernel.linux);
  });
});

it('an argument that is not UTF-8 is refused: as text it would be another name', () => {
  const said = (name: string) =>
    spawnSync('sh', ['-c', `exec "$0" "$1" ls "$2" "$(printf '${name}')"`, process.execPath, launcher, image]);
  const refused = said('/na\\357ve');
  expect({ status: refused.status, stderr: `${refused.stderr}` }).toEqual({
    status: 1,
    stderr: expect.stringContaining('not UTF-8'),
  });
  expect(`${said('/na\\357\\277\\275ve').stderr}`).toContain('no such file');
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('writes a script for %s', async (shell) => {
    const { exitCode, stdout } = await lkl(['completion', shell]);
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toContain('lkl complete');
    if (shell === 'bash') execFileSync('bash', ['-n'], { input: stdout });
  });

  it('proposes commands, options and choices, and leaves files to the shell', async () => {
    const propose = async (...words: string[]) => (await lkl(['complete', '--', ...words])).stdout.toString();
    expect(await propose('fs')).toMatch(/^fs2tar\t.*\n:4\n$/s);
    expect(await propose('ls', '--')).toContain('--recursive\t');
    expect(await propose('fs2tar', '--on-error', '')).toMatch(/^stop\t.*\ncontinue\t.*\n:4\n$/s);
    expect(await propose('ls', '')).toBe(':0\n');
  });
});

describe('the man page', () => {
  it('has every command and option', () => {
    const page = manPage('lkl 1', '2026-01-01');
    for (const command of lklProgram(() => '').commands) {
      expect(page).toContain(`\n.SS ${command.name()}\n`);
      // What commands say to each other is on no page.
      for (const { long, short, hidden } of command.options)
        if (!hidden) expect(page).toContain((long ?? short)?.replaceAll('-', '\\-'));
    }
    // Lines that begin with a point are requests: all that are there are ours.
    const requests = new Set([...page.matchAll(/^\.(\w*)/gm)].map(([, name]) => name));
    expect([...requests].sort()).toEqual(['PP', 'SH', 'SS', 'TH', 'TP']);
  });
});

describe('call', () => {
  it('plays a batch and shows it as strace would', async () => {
    const { exitCode, stdout } = await lkl(['call'], batch(version));
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(
      /^openat\(AT_FDCWD, "\/proc\/version", O_RDONLY\) = 0\nread\(0, "Linux version 6/,
    );
  });

  it('--json has the answer of the HTTP interface', async () => {
    const { stdout } = await lkl(['call', '--json'], batch({ calls: version }));
    expect(JSON.parse(stdout.toString())).toMatchObject({
      results: [{ ret: 0 }, { out: { utf8: expect.stringContaining('Linux version 6.12') } }],
    });
  });

  it('mounts files by the names that the batch has for them', async () => {
    const calls = [{ call: 'access', args: ['/mnt/hello.txt', 0] }];
    const request = batch({ mounts: [{ image: 'disk', at: '/mnt' }], calls });
    expect(await lkl(['call', '--image', `disk=${image}`], request)).toMatchObject({ exitCode: 0, stderr: '' });
    const { exitCode, stderr } = await lkl(['call'], request);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('--image disk=FILE');
  });

  it('ends with 3 where the batch stopped, with 1 for what is none', async () => {
    const calls = [{ call: 'access', args: ['/nope', 0] }, { call: 'getpid' }];
    expect(await lkl(['call'], batch({ calls, on_error: 'stop' }))).toMatchObject({ exitCode: 3 });
    for (const wrong of [batch(7), batch({ calls: 1 }), Buffer.from('{'), Buffer.from('')]) {
      const { exitCode, stderr } = await lkl(['call'], wrong);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(/^lkl: .+\n$/) });
    }
  });
});

it('every command has --help, which is wide enough for its exit codes', async () => {
  for (const command of lklProgram(() => '').commands) {
    expect(kept([command.name(), '--help']).stdout.toString()).toContain(`Usage: lkl ${command.name()}`);
  }
}, 120_000);
