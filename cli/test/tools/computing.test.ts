/** A program that computes without a system call, with an image locked: signals and Ctrl-C end it, and leave the image as a crash does. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { launcher } from '../launcher.ts';
import { lkl, sha256, testFolder } from '../tools-kit.ts';

const at = testFolder();
const image = at('disk.img');
const FOR_EVER = 'while :; do :; done';
/** Of what is written before: then it is mounted, whatever a machine takes to come there. */
const MARK = 'written by the shell';

beforeAll(() => {
  expect(lkl(['mkfs', '-t', 'ext4', '-s', '32M', image])).toMatchObject({ status: 0 });
}, 240_000);

/** The image is whole, and nobody has it. */
function isLeftWell(): void {
  expect(readdirSync(at('.'))).toEqual(['disk.img']);
  expect(lkl(['fsck', '--auto', image]).status).not.toBe(2);
  expect(lkl(['fsck', image])).toMatchObject({ status: 0 });
}

describe('a signal ends', () => {
  it.each([
    ['SIGINT', ['run', '--disk', image, '--', 'sh', '-c', FOR_EVER]],
    ['SIGTERM', ['run', '--disk', image, '--', 'sh', '-c', FOR_EVER]],
    ['SIGHUP', ['shell', image]],
  ] as const)('%s: lkl %s', async (signal, args) => {
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(args[0] === 'shell' ? `echo ${MARK} >file; sync; ${FOR_EVER}\n` : '');
    const ended = new Promise<number>((resolve) =>
      child.on('exit', (code, by) => resolve(code ?? 128 + (by ? constants.signals[by] : 0))),
    );
    // What a program wrote to standard output before it computes does not come out: the event loop has to turn for that.
    if (args[0] === 'shell') await until(() => readFileSync(image).includes(MARK));
    else await until(() => existsSync(`${image}.lock`));
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill(signal);
    expect(await ended).toBe(128 + constants.signals[signal]);
    if (args[0] === 'shell') {
      const before = sha256(image);
      expect(lkl(['fsck', image])).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/journal is not replayed yet/),
      });
      expect(sha256(image)).toBe(before);
    }
    isLeftWell();
  });

  it('without a disk, too', () => {
    const { status, signal } = spawnSync(process.execPath, [launcher, 'run', '--', 'sh', '-c', FOR_EVER], {
      timeout: 2000,
    });
    expect([status, signal]).toEqual([null, 'SIGTERM']);
  });
});

describe('a network whose program computes', () => {
  const network = JSON.stringify({
    duration: '1s',
    hosts: { a: {} },
    links: [],
    workloads: [{ type: 'exec', on: 'a', command: FOR_EVER }],
  });

  it('ends at its deadline, and says why', () => {
    const { status, stderr, stdout } = lkl(['sim', '-', '--deadline', '2.5'], { input: network });
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toBe(
      'lkl: not done after 2.5 s: a program on one of its hosts computes without end, and while one computes no virtual time passes\n',
    );
  });

  it('ends with a signal', async () => {
    const child = spawn(process.execPath, [launcher, 'sim', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(network);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.on('exit', (code, by) => resolve(by ?? code)))).toBe('SIGINT');
  });
});

describe('a thread has what a process has', () => {
  it('standard input, output and error, and an exit code', () => {
    const args = ['run', '--disk', image, '--', 'sh', '-c', 'cat; echo error >&2; exit 7'];
    expect(lkl(args, { input: 'text' })).toEqual({ status: 7, stdout: 'text', stderr: 'error\n' });
    expect(lkl(['run', '--disk', at('nothing'), '--', 'true'])).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('no such file'),
    });
  });

  it('a megabyte through it, whole', () => {
    const input = 'line of text\n'.repeat(80_000);
    expect(lkl(['run', '--disk', image, '--', 'cat'], { input }).stdout === input).toBe(true);
  });

  it('a reader that goes away', () => {
    const line = `"$0" "$1" run --disk "$2" -- seq 1000000 | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = spawnSync('bash', ['-c', line, process.execPath, launcher, image], { encoding: 'utf8' });
    expect(stdout).toBe('1\n141\n');
    isLeftWell();
  });
});

it('on a terminal the second Ctrl-C ends what hears nothing', async () => {
  // script(1) gives it a terminal, and what comes here to that.
  const line = `'${process.execPath}' '${launcher}' shell '${image}'; echo "ended with $?"`;
  const child = spawn('script', ['-qfc', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  child.stdout.on('data', (chunk) => {
    shown += chunk;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  onTestFinished(() => void child.kill());
  await until(() => shown.includes('# '));
  child.stdin.write('cat\r');
  await until(() => shown.includes('cat'));
  child.stdin.write('\x03');
  await until(() => /\^C[\s\S]*# /.test(shown));
  child.stdin.write('echo $((40 + 2))\r');
  await until(() => shown.includes('42'));
  // Typed before the shell computes, Ctrl-C is the shell's own: then all is typed again.
  for (let tries = 0; tries < 10 && !shown.includes('hears nothing'); tries++) {
    child.stdin.write(`${FOR_EVER}\r`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    child.stdin.write('\x03');
    await new Promise((resolve) => setTimeout(resolve, 1700));
  }
  child.stdin.write('\x03');
  await until(() => shown.includes('ended with'));
  expect(shown).toContain('ended with 130');
  child.stdin.end();
  await ended;
  isLeftWell();
});

async function until(is: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (is()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it never came to that');
}
