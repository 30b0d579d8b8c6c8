/** `lkl hijack --root`: programs of an image; and that nothing stays when the command is killed. */

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../../src/node/hijack/host/launch.ts';
import { lkl, spawnLkl } from '../command.ts';

function missing(): string | undefined {
  for (const program of ['mke2fs', 'python3', 'ldd'])
    if (spawnSync(program, [program === 'mke2fs' ? '-V' : '--version']).error) return `no ${program} on this machine`;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'no access to /dev/fuse';
  }
  return obstacle();
}

const why = missing();
const folder = mkdtempSync(join(tmpdir(), 'lkl-hijack-root-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program with the libraries that it needs. */
function install(root: string, program: string): void {
  const needed = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of [program, ...needed]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(realpathSync(file), join(root, file));
  }
}

const run = async (options: readonly string[], ...program: string[]) => {
  const { exitCode, stdout, stderr } = await lkl(['hijack', ...options, '--', ...program]);
  return { exitCode, stdout: stdout.toString(), stderr };
};

/** Settles when it has said so on standard error, or has ended. */
const ready = (child: ReturnType<typeof spawnLkl>): Promise<void> =>
  new Promise((resolve) => {
    child.stderr.on('data', (bytes) => {
      if (String(bytes).includes('ready')) resolve();
    });
    child.stderr.on('end', () => resolve());
  });

describe.skipIf(why !== undefined)(`lkl hijack --root${why ? ` (${why})` : ''}`, () => {
  beforeAll(() => {
    for (const program of ['/bin/sh', '/bin/cat']) install(at('tree'), program);
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'etc']) mkdirSync(join(at('tree'), name));
    writeFileSync(at('tree/etc/only-here'), 'of the image\n');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', at('tree'), at('image'), '32M']);
  });

  it('has the files of an image, the network of its kernel, and what it writes is in the image', async () => {
    const script = `cat /etc/only-here; cd /proc/self; cat ../net/if_inet6; echo written > /tmp/new; cat /sys/class/net/lo/mtu; exit 5`;
    expect(await run(['--root', at('image')], 'sh', '-c', script)).toEqual({
      exitCode: 5,
      stdout: 'of the image\n00000000000000000000000000000001 01 80 10 80       lo\n65536\n',
      stderr: '',
    });
    expect((await lkl(['cat', at('image'), '/tmp/new'])).stdout.toString()).toBe('written\n');
  });

  it('is only read with ro, and may be a directory', async () => {
    const before = readFileSync(at('image'));
    const script = 'echo x 2>/dev/null > /tmp/no || cat /etc/only-here';
    expect(await run(['--root', at('image'), '--root-options', 'ro'], 'sh', '-c', script)).toMatchObject({
      exitCode: 0,
      stdout: 'of the image\n',
    });
    expect(readFileSync(at('image')).equals(before)).toBe(true);
    expect(await run(['--root', '/'], 'cat', '/sys/class/net/lo/mtu')).toMatchObject({
      exitCode: 0,
      stdout: '65536\n',
    });
    expect(await run(['--root', at('tree')], 'cat', '/etc/only-here')).toEqual({
      exitCode: 0,
      stdout: 'of the image\n',
      stderr: '',
    });
  });

  it('says what is no root', async () => {
    writeFileSync(at('nothing'), new Uint8Array(1 << 20));
    expect(await run(['--root', at('nothing')], 'sh')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/^lkl: no file system was found/),
    });
    expect(await run(['--root', at('absent')], 'sh')).toMatchObject({ exitCode: 4 });
    expect(await run(['--root', at('image'), '--root-options', 'ro'], 'python3')).toEqual({
      exitCode: 4,
      stdout: '',
      stderr: 'lkl: python3: there is no such program in the root, or not what it is executed by\n',
    });
    expect(await run(['--root', at('tree'), '--root-options', 'ro'], 'sh')).toMatchObject({ exitCode: 1 });
  });

  /** The processes whose command line has this word. */
  const processes = (word: string): readonly string[] =>
    execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(word));

  it('leaves no process, mount or directory when it is killed', async () => {
    const image = at('killed');
    copyFileSync(at('image'), image);
    const script = `( while cat; do :; done < /dev/zero > /dev/null ) & echo ready >&2; cat /dev/zero > /dev/null; : ${image}`;
    const child = spawnLkl(['hijack', '--root', image, '--', 'sh', '-c', script]);
    await ready(child);
    const mounts = () =>
      readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(image));
    const [mounted = ''] = mounts();
    const directory = mounted.split(' ')[1] ?? '';
    expect(existsSync(directory)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (let i = 0; i < 200 && (processes(image).length > 0 || existsSync(directory)); i++) await delay(50);
    expect([processes(image), mounts(), existsSync(directory)]).toEqual([[], [], false]);
  });

  it('leaves none of what a program has started when it is killed, daemons and sleepers included', async () => {
    const mark = `lkl-${process.pid}-${Date.now()}`;
    const script = `
import os, subprocess, sys, time
mark = sys.argv[1]
code = 'import time; time.sleep(600)'
subprocess.Popen([sys.executable, '-c', code, mark], start_new_session=True)
if os.fork() == 0:
  os.setsid(); open('/dev/null').close()
  os.write(2, b'ready'); time.sleep(600)
time.sleep(600)`;
    const child = spawnLkl(['hijack', '--', 'python3', '-c', script, mark]);
    await ready(child);
    for (let i = 0; i < 200 && processes(mark).length < 4; i++) await delay(50);
    expect(processes(mark)).toHaveLength(4);
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (let i = 0; i < 200 && processes(mark).length > 0; i++) await delay(50);
    expect(processes(mark)).toEqual([]);
  });
});
