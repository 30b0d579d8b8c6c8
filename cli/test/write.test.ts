/** The verbs that change images, from the outside: what they say, and what is on the image afterwards. */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cstring, hostCall } from '../../src/node/native/calls.ts';
import { native } from '../../src/node/native/native.ts';
import { unpackFixture } from './command.ts';
import { keptLkl } from './kept/kept.ts';
import { launcher } from './launcher.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-write-'));
const at = (name: string): string => join(folder, name);
const [image, pristine] = [at('ext4.img'), at('pristine.img')];
beforeAll(() => unpackFixture('ext4', pristine));
beforeEach(() => copyFileSync(pristine, image));
afterAll(() => rmSync(folder, { recursive: true }));

const done = async (...args: string[]) => expect(lkl(args)).toMatchObject({ exitCode: 0, stderr: '' });
const refused = async (exitCode: number, words: RegExp, ...args: string[]) =>
  expect(lkl(args)).toMatchObject({ exitCode, stderr: expect.stringMatching(words) });

interface Row {
  readonly path: string;
  readonly type: string;
  readonly mode: string | number;
  readonly uid: number;
  readonly gid: number;
  readonly size_bytes: number;
  readonly target?: string;
}
/** What is below `path`, by the whole path. */
async function rows(path: string): Promise<Map<string, Row>> {
  const { stdout } = lkl(['find', '--json', image, path]);
  return new Map((JSON.parse(stdout.toString()) as Row[]).map((row) => [row.path, row]));
}
const cat = async (path: string) => lkl(['cat', image, path]).stdout.toString();

describe('names', () => {
  it('mkdir, mv, ln and rm', async () => {
    await done('mkdir', image, '-P', '/new/a/b', '/new/c', '--mode', '700');
    await done('cp', fileURLToPath(import.meta.url), `${image}:/new/a/file`);
    await done('ln', image, '/new/a/file', '/new/c');
    await done('ln', image, '-s', 'a/file', '/new/link');
    await done('mv', image, '/new/a/f*', '/new/a/b');
    expect([...(await rows('/new')).keys()]).toEqual([
      '/new',
      '/new/a',
      '/new/a/b',
      '/new/a/b/file',
      '/new/c',
      '/new/c/file',
      '/new/link',
    ]);
    await refused(1, /\/new\/a is a directory: -r/, 'rm', image, '/new/a');
    await refused(2, /\/nothing: no such file/, 'rm', image, '/nothing');
    await done('rm', image, '-rf', '/nothing', '/new/a', '/new/l*');
    expect([...(await rows('/new')).keys()]).toEqual(['/new', '/new/c', '/new/c/file']);
    await refused(2, /\/new: file exists/, 'mkdir', image, '/new');
    await refused(1, /-p took .* as the name of a partition.*--parents is -P/, 'mkdir', '-p', image, '/new');
    await refused(2, /\/new\/x\/y: no such file/, 'mkdir', image, '/new/x/y');
    await refused(2, /file exists/, 'ln', image, '-s', 'x', '/new/c/file');
    await done('ln', image, '-sf', 'x', '/new/c/file');
    expect((await rows('/new')).get('/new/c/file')).toMatchObject({ type: 'symlink', target: 'x' });
  });
});

describe('attributes', () => {
  it('chmod, chown and truncate', async () => {
    await done('mkdir', image, '/new');
    await done('truncate', image, '-s', '10k', '/new/file');
    await done('ln', image, '-s', 'file', '/new/link');
    await done('chown', image, '-R', '12:34', '/new');
    await done('chmod', image, '-R', 'u=rwX,go=', '/new');
    await done('chown', image, ':99', '/new/link');
    const found = await rows('/new');
    expect(found.get('/new/file')).toMatchObject({ uid: 12, gid: 99, size_bytes: 10240 });
    expect(found.get('/new/link')).toMatchObject({ uid: 12, gid: 34 });
    const long = lkl(['ls', '-l', image, '/new']).stdout.toString();
    expect(long).toMatch(/^-rw------- .*file$/m);
    await refused(1, /modes are octal/, 'chmod', image, 'rwx', '/new');
    await refused(1, /owners are numbers/, 'chown', image, 'root', '/new');
  });

  it('edit puts back what the editor left, and nothing when it failed', async () => {
    await done('cp', fileURLToPath(import.meta.url), `${image}:/file`);
    await done('chmod', image, '4711', '/file');
    const edited = (script: string) =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, [launcher, 'edit', image, '/file'], {
          env: { ...process.env, VISUAL: '', EDITOR: script },
          stdio: 'ignore',
        });
        child.on('close', resolve);
      });
    expect(await edited(`sh -c 'echo changed > "$1"' x`)).toBe(0);
    expect(await cat('/file')).toBe('changed\n');
    expect(await edited(`sh -c 'echo no > "$1"; exit 3' x`)).toBe(4);
    expect(await cat('/file')).toBe('changed\n');
    expect(lkl(['ls', '-l', image, '/file']).stdout.toString()).toMatch(/^-rws--x--x/);
  });
});

describe('cp both ways', () => {
  it('a tree in, and out again', async () => {
    const tree = at('tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    writeFileSync(join(tree, 'one'), 'one');
    linkSync(join(tree, 'one'), join(tree, 'sub/hard'));
    symlinkSync('../one', join(tree, 'sub/soft'));
    const has =
      native() && hostCall('lsetxattr', cstring(join(tree, 'one')), cstring('user.k'), cstring('v'), 1, 0) === 0;
    await done('cp', tree, `${image}:/`);
    await done('cp', join(tree, 'one'), join(tree, 'sub'), `${image}:/tree/sub`);
    await done('cp', join(tree, 'one'), `${image}:/other name`);
    const found = [...(await rows('/tree')).keys()];
    expect(found).toEqual([
      '/tree',
      '/tree/one',
      '/tree/sub',
      '/tree/sub/hard',
      '/tree/sub/one',
      '/tree/sub/soft',
      '/tree/sub/sub',
      '/tree/sub/sub/hard',
      '/tree/sub/sub/soft',
    ]);
    if (has) expect(lkl(['stat', image, '/tree/one']).stdout.toString()).toMatch(/user\.k "v"/);
    const out = at('out');
    mkdirSync(out);
    await done('cp', `${image}:/tree`, `${image}:/other name`, out);
    expect(readdirSync(out, { recursive: true }).sort()).toContain('tree/sub/soft');
    expect(readFileSync(join(out, 'other name'), 'utf8')).toBe('one');
    await refused(1, /not a directory of the image/, 'cp', tree, `${image}:/no/such/`);
    await refused(1, /there is no such file/, 'cp', at('nothing'), `${image}:/`);
    await refused(4, /nowhere.img: no such file/, 'cp', at('nothing'), 'nowhere.img:/etc/');
    await refused(1, /by way of a folder/, 'cp', `${image}:/tree`, `${image}:/copy`);
  });
});

describe('tar', () => {
  it('unpacks what it packed, compressed or not, below a directory', async () => {
    const [plain, packed] = [at('tree.tar'), at('tree.tar.gz')];
    await done('tar', '-c', image, '-f', plain, '-C', '/links');
    writeFileSync(packed, gzipSync(readFileSync(plain)));
    await done('mkdir', image, '/unpacked');
    await done('tar', '-x', image, '-f', packed, '-C', '/unpacked', '--atomic');
    const entries = async (path: string) =>
      [...(await rows(path)).values()].map(({ path: at, type, uid, target }) => [
        at.replace(/^\/unpacked/, ''),
        type,
        uid,
        target,
      ]);
    const unpacked = await entries('/unpacked');
    expect(unpacked.length).toBeGreaterThan(3);
    expect(lkl(['tar', '-x', image, '-C', '/unpacked'], readFileSync(plain)).exitCode).toBe(0);
    expect(await entries('/unpacked')).toEqual(unpacked);
    await refused(1, /either -x .* or -c/, 'tar', image);
    await refused(4, /no such file/, 'tar', '-x', image, '-f', at('nothing.tar'));
    await refused(2, /it is no tar/, 'tar', '-x', image, '-f', pristine);
    await refused(2, /ends in the middle/, 'tar', '-x', '--atomic', image, '-f', cut(plain));
    await refused(2, /no such file or directory/, 'tar', '-x', image, '-f', plain, '-C', '/nowhere');
  });
});

function cut(path: string): string {
  writeFileSync(at('cut.tar'), readFileSync(path).subarray(0, 700));
  return at('cut.tar');
}

describe('--atomic', () => {
  it('what fails in the middle changes nothing', async () => {
    await refused(2, /\/nothing: no such file/, 'rm', '--atomic', image, '/hello.txt', '/nothing');
    expect(readFileSync(image).equals(readFileSync(pristine))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes('redo') || name.includes('lock'))).toEqual([]);
  });

  it('a kill at any moment leaves the old or the new', async () => {
    const large = at('large');
    writeFileSync(large, Buffer.alloc(2_000_000, 'content'));
    const seen = new Set<string>();
    for (const ms of [150, 300, 400, 500, 600, 800, undefined]) {
      copyFileSync(pristine, image);
      const child = spawn(process.execPath, [launcher, 'cp', '--atomic', large, `${image}:/large`], {
        stdio: 'ignore',
      });
      const ended = new Promise((resolve) => child.on('close', resolve));
      await (ms === undefined ? ended : Promise.race([ended, delay(ms)]));
      child.kill('SIGKILL');
      await ended;
      const { exitCode, stdout } = lkl(['cat', image, '/large']);
      const isNew = exitCode === 0;
      if (isNew) expect(stdout.equals(readFileSync(large))).toBe(true);
      else if (!existsSync(`${image}.redo`)) expect(readFileSync(image).equals(readFileSync(pristine))).toBe(true);
      seen.add(isNew ? 'new' : 'old');
      // Whoever is next takes the lock of the dead, and finishes what it began.
      await done('mkdir', image, '/after');
      expect(readdirSync(folder).filter((name) => /redo|lock/.test(name))).toEqual([]);
      expect(lkl(['cat', image, '/large']).exitCode === 0).toBe(isNew);
    }
    expect(seen.has('new')).toBe(true);
  });
});

it('what is not raw is refused', async () => {
  writeFileSync(at('disk.qcow2'), Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(100_000)]));
  expect(lkl(['rm', at('disk.qcow2'), '/x']).exitCode).not.toBe(0);
  await refused(1, /standard input is not written/, 'rm', '-', '/x');
  await refused(4, /no such file/, 'rm', at('nothing.img'), '/x');
});

describe('a signal cuts the work off', () => {
  const hash = () => createHash('sha256').update(readFileSync(image)).digest('hex');
  const tarOf = (name: string, text: string) => {
    writeFileSync(at(name), text);
    const path = at(`${name}.tar`);
    expect(spawnSync('tar', ['-c', '-f', path, '-C', folder, name]).status).toBe(0);
    return path;
  };
  /** A tar of which the rest does not come: whoever unpacks it waits. */
  const cutOff = async (signal: NodeJS.Signals, ...options: string[]) => {
    const child = spawn(process.execPath, [launcher, 'tar', '-x', ...options, image], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (piece) => {
      said += String(piece);
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const source = at('source-of-tar');
    mkdirSync(source);
    writeFileSync(join(source, 'whole'), 'text');
    writeFileSync(join(source, 'zz-half'), Buffer.alloc(1_000_000, 'x'));
    const tar = spawnSync('tar', ['-c', '-C', source, 'whole', 'zz-half']).stdout;
    rmSync(source, { recursive: true });
    child.stdin.on('error', () => {});
    // It waits in the middle of a file when it took what no pipe holds.
    await new Promise<void>((resolve) => child.stdin.write(tar.subarray(0, 600_000), () => resolve()));
    expect(existsSync(`${image}.lock`)).toBe(true);
    child.kill(signal);
    const code = await ended;
    child.stdin.destroy();
    return { code, said };
  };

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s: what is whole stays, unmounted cleanly', async (signal, exitCode) => {
    const { code, said } = await cutOff(signal);
    expect(code).toBe(exitCode);
    // To unmount it takes longer on a busy machine, which is told first.
    const first = `(lkl: ${signal}: .* is being unmounted; .*\n)?`;
    expect(said).toMatch(new RegExp(`^${first}lkl: .*: cut off by ${signal}: .*unmounted cleanly\n$`));
    expect(existsSync(`${image}.lock`)).toBe(false);
    expect(lkl(['fsck', image]).exitCode).toBe(0);
    expect(await cat('/whole')).toBe('text');
    expect([...(await rows('/')).keys()]).not.toContain('/zz-half');
  });

  it('but not that of an editor, which hears Ctrl-C itself', async () => {
    const editor = at('deaf-editor');
    // The signal goes to all in the foreground: this one passes over it, as vi does.
    writeFileSync(editor, `#!/bin/sh\ntrap '' INT\nkill -INT "$LKL_PID"\necho changed >"$1"\nsleep 0.1\n`, {
      mode: 0o755,
    });
    await done('tar', '-x', image, '-f', tarOf('note', 'text'));
    const line = `LKL_PID=$$ exec "$0" "$1" edit "$2" /note`;
    const { status, stderr } = spawnSync('sh', ['-c', line, process.execPath, launcher, image], {
      env: { ...process.env, EDITOR: editor, VISUAL: '' },
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(await cat('/note')).toBe('changed\n');
  });

  it('--atomic: nothing was changed', async () => {
    const before = hash();
    expect(await cutOff('SIGINT', '--atomic')).toMatchObject({
      code: 130,
      said: expect.stringContaining('nothing of it was changed'),
    });
    expect(hash()).toBe(before);
    expect(existsSync(`${image}.redo`)).toBe(false);
  });
});
