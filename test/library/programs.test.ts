/** Programs of a caller's own, and Linux's tools, through the library. */

import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bootKernel, openImage, type RunProgramOptions, runProgram } from '../../src/library/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-programs-'));
const at = (name: string) => join(folder, name);
const fixture = (name: string) => new URL(`../fixtures/programs/${name}.wasm`, import.meta.url);
afterAll(() => rmSync(folder, { recursive: true }));

const sh = (script: string, options: RunProgramOptions = {}) => runProgram(['sh', '-c', script], options);
const text = async (script: string, options: RunProgramOptions = {}) => (await sh(script, options)).stdout.toString();

function empty(name: string, bytes: number): string {
  writeFileSync(at(name), '');
  truncateSync(at(name), bytes);
  return at(name);
}

describe('a program that is run alone', () => {
  it('is of the caller’s own: a path, a URL, bytes or a module; beside the tools', async () => {
    const bytes = readFileSync(fixture('wasi'));
    for (const mine of [fixture('wasi'), fixture('wasi').pathname, bytes, new WebAssembly.Module(bytes)]) {
      const { exitCode, stdout, stderr } = await runProgram(['mine', 'x'], { programs: { mine }, input: 'typed\n' });
      expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 42, stderr: 'an error\n' });
      expect(stdout.toString()).toContain('argv[0]: mine\nargv[1]: x\n');
      expect(stdout.toString()).toContain('\ntyped\n');
    }
    expect(await text('mine a 2>/dev/null | grep argv', { programs: { mine: bytes } })).toBe(
      'argv[0]: mine\nargv[1]: a\n',
    );
  });

  it('writes disks where they lie only where that is said', async () => {
    const [kept, lost] = [empty('kept.img', 16 << 20), empty('lost.img', 16 << 20)];
    const made = await sh('mkfs.ext4 -q -L made /dev/vda && mkfs.ext4 -q /dev/vdb', {
      disks: [{ image: kept, writable: true }, { image: lost }],
    });
    expect({ ...made, stdout: made.stdout.toString(), stderr: made.stderr.toString() }).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(readFileSync(lost).every((byte) => byte === 0)).toBe(true);
    await sh('echo hello >/mnt/there', { disks: [{ image: kept, writable: true, at: '/mnt' }] });
    await using image = await openImage(kept);
    expect(await image.readFile('/there', 'utf8')).toBe('hello\n');
    const refused = await sh('echo x >/mnt/there', { disks: [{ image: kept, readOnly: true, at: '/mnt' }] });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr.toString()).toContain('Read-only file system');
  });

  it('has files, an environment and input that comes in pieces, and gives files back', async () => {
    async function* pieces() {
      yield 'a';
      yield Buffer.from('b');
    }
    const { files, stdout } = await sh('cat /in - >/tmp-out; echo "$WORD $PWD"', {
      files: { '/in': 'first ' },
      env: { WORD: 'said' },
      cwd: '/root',
      input: pieces(),
      fetch: ['/tmp-out', '/none'],
    });
    expect(stdout.toString()).toBe('said /root\n');
    expect(files).toEqual({ '/tmp-out': Buffer.from('first ab') });
  });

  it('tells its output as it comes, and ends by a signal, a deadline or its caller', async () => {
    const heard: string[] = [];
    const { stdout } = await sh('echo one; sleep 3600; echo two', {
      stdout: (bytes) => void heard.push(Buffer.from(bytes).toString()),
    });
    expect([heard.join(''), stdout.length]).toEqual(['one\ntwo\n', 0]);
    expect(await sh('kill -9 $$')).toMatchObject({ signal: 9 });
    expect(await sh('kill -9 $$')).not.toHaveProperty('exitCode');
    const waits = { clock: 'wall', disks: [] } as const;
    await expect(sh('sleep 60', { ...waits, deadlineMs: 300 })).rejects.toMatchObject({ code: 'ERR_PROGRAM_TOO_LONG' });
    const reason = new Error('enough');
    await expect(sh('sleep 60', { ...waits, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(sh('sleep 60', { ...waits, signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('does the same with the same seed', async () => {
    const make = async (name: string) => {
      await sh('mkfs.ext4 -q /dev/vda', { seed: 'x', disks: [{ image: empty(name, 4 << 20), writable: true }] });
      return readFileSync(at(name));
    };
    expect((await make('a')).equals(await make('b'))).toBe(true);
  });

  it('is an error where it cannot run', async () => {
    const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    await expect(runProgram(['mine'], { programs: { mine: wasm } })).rejects.toMatchObject({
      code: 'ERR_BAD_PROGRAM',
      message: expect.stringContaining('mine exports no memory'),
    });
    await expect(runProgram(['mine'], { programs: { mine: 'no-such.wasm' } })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await expect(runProgram(['mine'], { programs: { '../mine': wasm } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(runProgram(['no-such'])).rejects.toMatchObject({ code: 'ERR_NO_SUCH_TOOL' });
    await expect(runProgram([])).rejects.toMatchObject({ code: 'ERR_NO_SUCH_TOOL' });
    await expect(sh('true', { disks: [{ image: at('no-such.img') }] })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(existsSync(at('no-such.img'))).toBe(false);
  });
});

describe('programs in a kernel that goes on', () => {
  it('share its files, sockets and disks with each other and with calls, at the same time', async () => {
    await using kernel = await bootKernel({ programs: { mine: fixture('wasi') } });
    await kernel.run({ call: 'open', args: ['/made', 'O_WRONLY|O_CREAT', 0o644], as: 'fd', expect: 'success' });
    await kernel.call('write', { ref: 'fd' }, 'text', 4);
    const server = kernel.exec(['socat', '-u', 'FILE:/made', 'TCP-LISTEN:7000']);
    const client = await kernel.exec(['socat', '-u', 'TCP:127.0.0.1:7000,retry=20', '-']);
    expect(client.stderr.toString()).toBe('');
    expect(client.stdout.toString()).toBe('text');
    expect(await server).toMatchObject({ exitCode: 0 });
    expect(await kernel.exec(['mine'])).toMatchObject({ exitCode: 42 });
    expect(await kernel.call('getpid')).toMatchObject({ ret: 1 });
  });

  it('end with the kernel, or their caller, and leave it as it is', async () => {
    const kernel = await bootKernel({ programs: {}, clock: 'wall' });
    await expect(kernel.exec(['sleep', '60'], { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(await kernel.exec(['sh', '-c', 'echo still'])).toMatchObject({ stdout: Buffer.from('still\n') });
    const left = kernel.exec(['sleep', '60']);
    left.catch(() => {});
    await kernel.exec(['true']);
    await kernel.close();
    await expect(left).rejects.toThrow();
  });

  it.each([
    ['ext4', 'mkfs.ext4 -q -O quota', 'usrquota', 16],
    ['xfs', 'mkfs.xfs -q --unsupported', 'uquota', 64],
  ])('quotas of %s hold a user back, and tell what he has', async (type, mkfs, data, mib) => {
    await using kernel = await bootKernel({ programs: {}, disks: [{ image: empty(`quota.${type}`, mib << 20) }] });
    expect(await kernel.exec(['sh', '-c', `${mkfs} /dev/vda`])).toMatchObject({ exitCode: 0 });
    const quota = { struct: 'if_dqblk', dqb_bhardlimit: 1024, dqb_valid: 1 };
    const forUser = ['/dev/vda', 1000] as const;
    for (const [call, ...args] of [
      ['mount', '/dev/vda', '/mnt', type, 0, data],
      ['chmod', '/mnt', 0o777],
      ['quotactl', 'QCMD(Q_SETQUOTA, USRQUOTA)', ...forUser, quota],
    ] as const)
      expect(await kernel.call(call, ...args)).toMatchObject({ ret: 0 });
    const { taskResults } = await kernel.batch([], {
      tasks: {
        user: {
          calls: [
            { call: 'setresuid', args: [1000, 1000, 1000], expect: 'success' },
            { call: 'open', args: ['/mnt/f', 'O_WRONLY|O_CREAT', 0o644], as: 'fd', expect: 'success' },
            { call: 'fallocate', args: [{ ref: 'fd' }, 0, 0, 524_288] },
            { call: 'fallocate', args: [{ ref: 'fd' }, 0, 524_288, 1_048_576] },
          ],
        },
      },
    });
    const { user } = taskResults;
    expect(user?.slice(2)).toMatchObject([{ ret: 0 }, { errno: 'EDQUOT' }]);
    expect(await kernel.call('quotactl', 'QCMD(Q_GETQUOTA, USRQUOTA)', ...forUser, { out: 'if_dqblk' })).toMatchObject({
      out: { dqb_bhardlimit: 1024, dqb_curinodes: 1 },
    });
  });

  it('are none unless the kernel was booted for them', async () => {
    await using kernel = await bootKernel();
    await expect(kernel.exec(['true'])).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' });
  });
});
