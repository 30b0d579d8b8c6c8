/** The examples as their readers run them, against the Worker. They need bash, curl and jq. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));

let worker: EmbeddedWorker;
beforeAll(async () => {
  worker = await embeddedWorker();
}, 120_000);
afterAll(() => worker.close());

async function run(command: string, ...args: string[]): Promise<string[]> {
  const env = { ...process.env, LKL: worker.url.origin };
  const { stdout } = await promisify(execFile)(command, args, { cwd: examples, env });
  return stdout.trimEnd().split('\n');
}

it('in a shell, with curl and jq', async () => {
  expect(await run('./syscalls.sh')).toEqual(['pid:     1', 'read:    hello', '/nope:   ENOENT', 'size:    5 bytes']);
});

it('in TypeScript, with the types of the document', async () => {
  await run('npm', 'run', '--workspace', 'lkl-example', 'check');
  const lines = await run('npm', 'run', '--silent', '--workspace', 'lkl-example', 'start');
  expect(lines).toContainEqual(expect.stringMatching(/^server {2}recvfrom\(\d, "hello", 64, .* = 5$/));
  expect(lines).toContainEqual(expect.stringMatching(/^client {2}sendto\(\d, "hello", 5, .* = 5$/));
}, 120_000);
