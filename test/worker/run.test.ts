/** Programs over HTTP: output, exit codes, files and disks in and out; whatever goes wrong is a problem, and stores nothing. */

import { describe, expect, it } from 'vitest';
import { toBase64 } from '../../src/bytes/base64.ts';
import { fixtureDevice } from '../fixtures/load.ts';
import { request } from './harness.ts';

const MIB = 2 ** 20;
let made = 0;
const fresh = () => `run-${++made}`;

interface Answer {
  readonly status: number;
  readonly stdout?: string;
  readonly stdout_base64?: string;
  readonly stderr?: string;
  readonly exit_code?: number;
  readonly signal?: number;
  readonly disks: readonly Record<string, unknown>[];
  readonly files: readonly Record<string, unknown>[];
  readonly clock_s: number;
  readonly type?: string;
  readonly detail?: string;
}

const post = (body: object, headers: Record<string, string> = {}) =>
  request('/v1/run', {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

async function run(body: object): Promise<Answer> {
  const response = await post(body);
  const answer = (await response.json()) as Answer;
  return response.status === 200 ? { ...answer, status: 200 } : answer;
}

const sh = (script: string, more: object = {}) => run({ argv: ['sh', '-c', script], ...more });

async function ext4(): Promise<string> {
  const name = fresh();
  const device = await fixtureDevice('ext4');
  const image = new Uint8Array(device.sectors * 512);
  await device.read(0, image);
  expect((await request(`/v1/images/${name}`, { method: 'PUT', body: image })).status).toBe(201);
  return name;
}

describe('a program', () => {
  it('is run: stdin, environment, directory and words are its own, output and exit code are the answer', async () => {
    const answer = await run({
      argv: ['sh', '-c', 'cat; echo "$GREETING $PWD $0" >&2; exit 7'],
      stdin: 'höre ✓\n',
      env: { GREETING: 'hallo' },
      cwd: '/root',
    });
    expect(answer).toMatchObject({
      status: 200,
      stdout: 'höre ✓\n',
      stderr: 'hallo /root sh\n',
      exit_code: 7,
      disks: [],
    });
  });

  it('that writes what is no text is answered in base64', async () => {
    const answer = await sh("printf '\\377\\001'");
    expect(answer).toMatchObject({ stdout_base64: toBase64(Uint8Array.of(255, 1)), stderr: '' });
    expect(answer.stdout).toBeUndefined();
    expect(await run({ argv: ['wc', '-c'], stdin_base64: 'AAH/' })).toMatchObject({ stdout: '3\n' });
  });

  it('that a signal ends says by which', async () => {
    const answer = await sh('kill -9 $$');
    expect(answer).toMatchObject({ status: 200, signal: 9 });
    expect(answer.exit_code).toBeUndefined();
  });

  it('has files that were sent along, and leaves others behind', async () => {
    const answer = await run({
      argv: ['/root/go'],
      files: [
        { path: '/root/go', text: '#!/bin/sh\ncat /data/a/b > /out; printf "\\200" > /raw', mode: '0755' },
        { path: '/data/a/b', base64: 'aGk=' },
      ],
      fetch: ['/out', '/raw', '/none', '/data'],
    });
    expect(answer.files).toEqual([
      { path: '/out', text: 'hi' },
      { path: '/raw', base64: 'gA==' },
      { path: '/none', errno: 'ENOENT' },
      { path: '/data', errno: 'EISDIR' },
    ]);
  });

  it('sleeps in no time; with a seed the same request is the same answer', async () => {
    const words = {
      argv: ['sh', '-c', 'sleep 1000; head -c 8 /dev/urandom | hexdump; date; cat /proc/sys/kernel/random/uuid'],
      seed: 5,
    };
    const [one, other] = [await (await post(words)).text(), await (await post(words)).text()];
    expect(one).toBe(other);
    expect(JSON.parse(one).clock_s).toBeGreaterThan(1000);
    expect(one).toContain('2026');
    expect(await (await post({ ...words, seed: 6 })).text()).not.toBe(one);
  });

  it.each([
    [{ argv: ['no-such'] }, 400, 'no-such-tool'],
    [{ argv: ['/no/such'] }, 404, 'ENOENT'],
    [{ argv: ['/mine'], files: [{ path: '/mine', base64: 'AGFzbQEAAAA=', mode: '0755' }] }, 400, 'bad-program'],
    [{ argv: ['sh'], cwd: '/no/such' }, 404, 'ENOENT'],
    [{ argv: [] }, 400, 'invalid-request'],
    [{ argv: ['sh'], disks: [{ image: 'no-such-image' }] }, 404, 'image-not-found'],
    [{ argv: ['sh'], disks: [{}] }, 400, 'invalid-request'],
    [{ argv: ['sh'], disks: [{ size_bytes: 4096, at: '/mnt' }] }, 422, 'no-file-system'],
    [{ argv: ['sh'], disks: [{ base64: 'AA==' }] }, 400, 'invalid-request'],
    [{ argv: ['sh', '-c', 'while :; do sleep 1; done'], clock: 'wall', deadline_ms: 300 }, 422, 'program-too-long'],
    // Calls that wait for nothing leave no turn to the host's timers unless it is taken.
    [{ argv: ['sh', '-c', 'while :; do cd /; done'], deadline_ms: 500 }, 422, 'program-too-long'],
    [{ argv: ['sh', '-c', 'while :; do cat /dev/null; done'], deadline_ms: 500 }, 422, 'program-too-long'],
    [{ argv: ['sh', '-c', 'yes'], deadline_ms: 60_000 }, 422, 'output-too-large'],
    [{ argv: ['sh', '-c', 'mkfifo /f; cat /f'] }, 422, 'program-deadlock'],
    [{ argv: ['sh', '-c', 'kill -9 -1'] }, 422, 'program-killed'],
  ])('%j is a problem', async (body, status, type) => {
    expect(await run(body)).toMatchObject({ status, type: `/problems/${type}` });
  });

  it('that has no memory left is told so and goes on', async () => {
    const answer = await sh('x=$(head -c 30000000 /dev/zero | tr "\\\\0" a); echo $x | wc -c; true', {
      program_memory: 8,
    });
    expect(answer.status).toBe(200);
    expect(answer.stdout).not.toContain('30000000');
  });
});

describe('its output as lines', () => {
  const lines = async (body: object) => {
    const response = await post(body, { accept: 'application/x-ndjson' });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    return (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('comes as it is written, and the end last', async () => {
    const all = await lines({ argv: ['sh', '-c', 'echo one; sleep 1; echo two; sleep 1; printf three; exit 3'] });
    expect(all[0]).toEqual({ stdout: 'one\n' });
    expect(
      all
        .slice(0, -1)
        .map(({ stdout }) => stdout)
        .join(''),
    ).toBe('one\ntwo\nthree');
    expect(all.at(-1)).toMatchObject({ end: { exit_code: 3, disks: [], files: [] } });
  });

  it('may be of any size, and no character is cut in two', async () => {
    const all = await lines({ argv: ['sh', '-c', 'yes "ä€😀" | head -c 12000000'] });
    const text = all.slice(0, -1).map(({ stdout }) => stdout as string);
    expect(text.every((piece) => typeof piece === 'string')).toBe(true);
    expect(new TextEncoder().encode(text.join('')).length).toBe(12_000_000);
  });

  it('ends with the problem where there is one; before any output that is the answer', async () => {
    const all = await lines({ argv: ['sh', '-c', 'echo begun; sleep 1; mkfifo /f; cat /f'] });
    expect(all.at(-1)).toMatchObject({ problem: { type: '/problems/program-deadlock', status: 422 } });
    const response = await post({ argv: ['no-such'] }, { accept: 'application/x-ndjson' });
    expect(response.status).toBe(400);
  });
});

describe('disks', () => {
  it('an image is read and its scratch is lost; a check says what it says', async () => {
    const image = await ext4();
    const answer = await sh('e2fsck -fn /dev/vda; echo $?; echo x > /mnt/new; cat /mnt/new', {
      disks: [{ image, at: '/mnt' }],
    });
    expect(answer).toMatchObject({ status: 200, disks: [{ disk: '/dev/vda', image }] });
    expect(answer.stdout).toMatch(/\nx\n$/);
    expect((await sh('ls /mnt/new', { disks: [{ image, at: '/mnt' }] })).exit_code).toBe(1);
    const strict = await sh('echo x > /mnt/new', { disks: [{ image, at: '/mnt', read_only: true }] });
    expect(strict.stderr).toContain('Read-only file system');
  });

  it('an image is written as a new version, whatever the exit code', async () => {
    const image = await ext4();
    const answer = await sh('echo news > /mnt/new; exit 4', { disks: [{ image, at: '/mnt', write: true }] });
    expect(answer).toMatchObject({ exit_code: 4, disks: [{ disk: '/dev/vda', image }] });
    expect(await (await request(`/v1/images/${image}/files/new`)).text()).toBe('news\n');
    const versions = (await (await request(`/v1/images/${image}/versions`)).json()) as { current: string };
    expect(answer.disks[0]?.version).toBe(versions.current);
    const label = await run({
      argv: ['tune2fs', '-L', 'fresh', '/dev/vda'],
      disks: [{ image, write: true, if_match: answer.disks[0]?.etag }],
    });
    expect(label).toMatchObject({ status: 200, exit_code: 0 });
    const late = await run({
      argv: ['tune2fs', '-L', 'late', '/dev/vda'],
      disks: [{ image, write: true, if_match: answer.disks[0]?.etag }],
    });
    expect(late).toMatchObject({ status: 412 });
    expect(await (await request(`/v1/images/${image}`)).json()).toMatchObject({ content: { label: 'fresh' } });
  });

  it('nothing is stored when the program did not come to an end', async () => {
    const image = await ext4();
    const before = (await request(`/v1/images/${image}`, { method: 'HEAD' })).headers.get('etag');
    for (const end of ['mkfifo /f; cat /f', 'sleep 100']) {
      const answer = await sh(`echo x > /mnt/new; sync; ${end}`, {
        disks: [{ image, at: '/mnt', write: true }],
        clock: 'wall',
        deadline_ms: 2000,
      });
      expect(answer.status).toBe(422);
    }
    expect((await request(`/v1/images/${image}`, { method: 'HEAD' })).headers.get('etag')).toBe(before);
  });

  it('a new one is made and stored, once; what was not written of it is nothing', async () => {
    const name = fresh();
    const disks = [{ size_bytes: 1024 * MIB, save_as: name }];
    const answer = await run({ argv: ['mke2fs', '-q', '-t', 'ext4', '-L', 'made', '/dev/vda'], disks });
    expect(answer).toMatchObject({ status: 200, exit_code: 0, disks: [{ image: name, size_bytes: 1024 * MIB }] });
    expect(await (await request(`/v1/images/${name}`)).json()).toMatchObject({
      size_bytes: 1024 * MIB,
      content: { type: 'ext4', label: 'made' },
    });
    expect(await run({ argv: ['true'], disks })).toMatchObject({ status: 412 });
  });

  it('a small one is sent along and returned', async () => {
    const one = await run({
      argv: ['sh', '-c', 'mkfs.fat --mbr=no -n SMALL /dev/vda && cat /dev/vdb > /dev/null'],
      disks: [
        { size_bytes: MIB, return: true },
        { base64: toBase64(new Uint8Array(MIB)), return: true },
      ],
      seed: 1,
    });
    expect(one).toMatchObject({ status: 200, exit_code: 0 });
    const again = await run({ argv: ['blkid', '/dev/vda'], disks: [{ base64: one.disks[0]?.base64 }] });
    expect(again.stdout).toContain('LABEL="SMALL"');
    expect(one.disks[1]?.base64).toBe(toBase64(new Uint8Array(MIB)));
  });

  it('several at once, partitions too', async () => {
    const name = fresh();
    const script =
      'printf "label: gpt\\n,16M,L\\n,,L\\n" | sfdisk -q /dev/vda && mke2fs -q -t ext4 /dev/vda2 && mkfs.xfs -q /dev/vdb && ls /dev/vd*';
    const answer = await sh(script, { disks: [{ size_bytes: 64 * MIB, save_as: name }, { size_bytes: 512 * MIB }] });
    expect(answer).toMatchObject({ status: 200, stderr: '', exit_code: 0 });
    expect(answer.stdout).toBe('/dev/vda\n/dev/vda1\n/dev/vda2\n/dev/vdb\n');
    const report = (await (await request(`/v1/images/${name}`)).json()) as {
      partitions: { content?: { type: string } }[];
    };
    expect(report.partitions.map(({ content }) => content?.type)).toEqual([undefined, 'ext4']);
  });
});

it('which programs there are is listed', async () => {
  const { tools } = (await (await request('/v1/run')).json()) as { tools: { name: string; also: string[] }[] };
  expect(tools.map(({ name }) => name)).toContain('e2fsck');
  expect(tools.find(({ name }) => name === 'busybox')?.also).toContain('sh');
  expect(tools.every(({ name }) => typeof name === 'string')).toBe(true);
});
