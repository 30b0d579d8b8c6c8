/** Files that never end, that nobody writes to, or that are none: one line at once, and signals end what waits. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { unpackFixture } from './command.ts';
import { launcher } from './launcher.ts';
import { keptTools, testFolder } from './tools-kit.ts';

const at = testFolder();
const lkl = keptTools();
writeFileSync(at('some.img'), Buffer.alloc(65_536));
await unpackFixture('ext4', at('ext4.img'));
writeFileSync(at('network.json'), '{}');
spawnSync('mkfifo', [at('pipe')]);
mkdirSync(at('folder'));

/** Every way of naming a small file. */
const small: readonly (readonly [what: string, args: (file: string) => readonly string[]])[] = [
  ['a key file', (file) => ['ls', '--key-file', file, at('some.img')]],
  ['a passphrase file', (file) => ['ls', '--passphrase-file', file, at('some.img')]],
  ['a batch', (file) => ['call', file]],
  ['a network', (file) => ['sim', file]],
  ['a graph', (file) => ['sim', '--graph', file, at('network.json')]],
  ['a configuration of hijack', (file) => ['hijack', '-c', file, 'true']],
  ['a configuration of genimage', (file) => ['mkimage', file, '-o', at('made.img')]],
  ['a script of packetdrill', (file) => ['packetdrill', file]],
  ['a program', (file) => ['run', '--program', `mine=${file}`, '--', 'true']],
  ['a key file, where the image is locked', (file) => ['rm', '--key-file', file, at('some.img'), '/x']],
];

describe('a small file', () => {
  it.each(small)('%s that never ends is too large', (_, args) => {
    const { status, stderr } = lkl(args('/dev/zero'));
    expect(stderr).toMatch(/^lkl: \/dev\/zero is too large: [\d,]+ bytes are the most here\n$/);
    expect(status).toBe(1);
  });

  it.each(small.filter(([what]) => !what.includes('genimage')))('%s that is a directory is told', (_, args) => {
    const { status, stderr } = lkl(args(at('folder')));
    expect(stderr).toBe(`lkl: ${at('folder')} is a directory\n`);
    expect(status).toBe(1);
  });

  // An image without a file system is told before anybody waits.
  const tar: (typeof small)[number] = ['a tar', (file) => ['tar', '-x', '-f', file, at('ext4.img')]];
  it.each([...small, tar])('%s that nobody writes: a signal ends the wait', async (_, args) => {
    expect(await signalled(args(at('pipe')), 'SIGTERM')).toBe(143);
    expect(readdirSync(at('.')).filter((name) => /lock|lkl/.test(name))).toEqual([]);
  });
});

describe('an image', () => {
  it.each([
    ['/dev/zero', 'is a character device: an image is a file, a block device or a pipe'],
    ['/dev/full', 'is a character device: an image is a file, a block device or a pipe'],
    ['/dev/urandom', 'is a character device: an image is a file, a block device or a pipe'],
    ['/dev/null', 'is empty'],
    ['/proc/self/mem', 'is a file of procfs, which the kernel makes up as it is read'],
    ['/proc/self/status', 'is a file of procfs, which the kernel makes up as it is read'],
  ])('%s %s', (path, why) => {
    for (const args of [['info'], ['ls'], ['fs2tar'], ['fs2tar', '--url', 'http://127.0.0.1:1']]) {
      const { stderr, status } = lkl([...args, path]);
      expect(stderr).toContain(`lkl: ${path} ${why}`);
      expect([1, 2]).toContain(status);
    }
  });

  it('a socket is told', async () => {
    const server = createServer().listen(at('socket'));
    const { stderr, status } = lkl(['info', at('socket')]);
    server.close();
    expect(stderr).toContain('socket is a socket');
    expect(status).toBe(1);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('a pipe that nobody writes: %s ends the wait', async (signal) => {
    expect(await signalled(['info', at('pipe')], signal)).toBe(128 + constants.signals[signal]);
  });

  it('a pipe is one when somebody writes it, also later', async () => {
    const reading = started(['ls', at('pipe')]);
    const writing = spawn('sh', ['-c', 'sleep 1; cat "$0" >"$1"', at('some.img'), at('pipe')]);
    await new Promise((resolve) => writing.on('close', resolve));
    expect(await reading.ended).toBe(2);
    expect(reading.said()).toContain('no file system');
  });

  it('is standard input by the names that it has, whatever it is', () => {
    for (const name of ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']) {
      const { stderr } = spawnSync(process.execPath, [launcher, 'ls', name], { input: Buffer.alloc(65_536) });
      expect(stderr.toString()).toContain('no file system');
    }
  });
});

function started(args: readonly string[]) {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  child.stdout.resume();
  const ended = new Promise<number>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  return { child, ended, said: () => said };
}

/** The exit code as a shell has it, of a signal that comes while it waits for somebody to write the pipe. */
async function signalled(args: readonly string[], signal: NodeJS.Signals): Promise<number> {
  const { child, ended } = started(args);
  await waiting(child.pid ?? 0);
  child.kill(signal);
  return ended;
}

/** Until it has the pipe open, or is at it. */
async function waiting(pid: number): Promise<void> {
  for (let tries = 0; tries < 4000; tries++) {
    const files = spawnSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' }).stdout;
    const { stdout: call } = spawnSync('sh', ['-c', `cat /proc/${pid}/task/*/wchan`], { encoding: 'utf8' });
    if (files.includes(at('pipe')) || call.includes('fifo') || call.includes('partner')) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it never came to the pipe');
}
