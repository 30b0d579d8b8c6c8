/** `lkl token`: from the first token of a Worker to its last, against a Worker as it is deployed. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedWorker, embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { lkl } from './command.ts';

const none = new Uint8Array();
let worker: EmbeddedWorker | undefined;
let admin = '';
beforeAll(async () => {
  const { stdout, stderr } = await lkl(['token', 'create', '--name', 'me', '--scope', 'admin']);
  admin = stderr.split('\n')[0] ?? '';
  expect(admin).toMatch(/^lkl_[a-z2-7]{10}_[A-Za-z0-9_-]{43}$/);
  expect(stdout.toString()).not.toContain(admin.slice(15));
  worker = await embeddedWorker({ vars: { OPEN: '', TOKENS: `[${stdout}]` } });
}, 120_000); // on a busy machine the bundle takes its time
afterAll(() => worker?.close());

const as = (token: string, ...args: string[]) =>
  lkl([...args, '--url', worker?.url.href ?? ''], none, { LKL_TOKEN: token });

it('makes tokens that may do what was said, lists, rotates and revokes them', async () => {
  const made = await as(
    admin,
    'token',
    'create',
    '--name',
    'ci',
    '--scope',
    'images:read,convert',
    '--image',
    'build-*',
    '--expires',
    '90d',
  );
  expect(made.exitCode).toBe(0);
  const token = made.stdout.toString().trim();
  const [, id = ''] = /^lkl_([a-z2-7]{10})_/.exec(token) ?? [];
  expect(made.stderr).toContain(`${id} may images:read, convert until 2`);

  const listed = await as(admin, 'token', 'list', '--json');
  const rows = JSON.parse(listed.stdout.toString());
  expect(rows).toEqual([
    { id: admin.slice(4, 14), name: 'me', scopes: ['admin'] },
    {
      id,
      name: 'ci',
      scopes: ['images:read', 'convert'],
      images: ['build-'],
      created: expect.any(String),
      expires: expect.any(String),
    },
  ]);
  expect((await as(admin, 'token', 'list')).stdout.toString()).toMatch(
    /^ID +NAME +SCOPES[^\n]*\n(?=[\s\S]*\bci +images:read,convert +build-\*)/,
  );

  const rotated = await as(admin, 'token', 'rotate', id);
  expect(rotated.stdout.toString()).toMatch(new RegExp(`^lkl_${id}_`));
  expect((await as(admin, 'token', 'revoke', id)).exitCode).toBe(0);
  const gone = await as(rotated.stdout.toString().trim(), 'token', 'list');
  expect([gone.exitCode, gone.stderr]).toEqual([4, expect.stringContaining('token')]);
  expect((await as(admin, 'token', 'revoke', id)).stderr).toContain(`there is no token ${id}`);
});

it('is what every verb shows to a Worker', async () => {
  const made = await as(admin, 'token', 'create', '--scope', 'syscalls');
  const asked = (token: string) =>
    lkl(['call', '-', '--url', worker?.url.href ?? ''], Buffer.from('{"calls":[{"call":"getpid"}]}'), {
      LKL_TOKEN: token,
    });
  expect((await asked(made.stdout.toString().trim())).exitCode).toBe(0);
  const { exitCode, stderr } = await asked('');
  expect([exitCode, stderr]).toEqual([4, expect.stringContaining('Authorization: Bearer')]);
  const weak = await as(made.stdout.toString().trim(), 'token', 'list');
  expect([weak.exitCode, weak.stderr]).toEqual([4, expect.stringContaining('admin')]);
});

it.each([
  [['list'], 'LKL_TOKEN', ''],
  [['list'], 'not sent in the clear', 'lkl_x', 'http://lkl.example.com'],
  [['revoke', 'lkl_aaaaaaaaaa_b'], 'not its id', 'x'],
  [['create', '--scope', 'everything'], 'not everything', 'x'],
  [['create', '--scope', 'convert', '--image', 'a/*'], "no beginning of an image's name", 'x'],
  [['list', '--scope', 'convert'], 'for create', 'x'],
])('%j is refused in the words of the command line', async (args, words, token, url = 'https://lkl.example.com') => {
  const { exitCode, stderr } = await lkl(['token', ...args, '--url', url], none, { LKL_TOKEN: token });
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(words)]);
});
