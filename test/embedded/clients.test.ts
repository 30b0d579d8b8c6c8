/** Clients made from the OpenAPI document by two generators: they compile, and call every operation of the Worker. */

import { execFile } from 'node:child_process';
import { openAsBlob, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackFixture } from '../../cli/test/command.ts';
import { romfs } from '../fakes/romfs.ts';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

const clients = fileURLToPath(new URL('../clients', import.meta.url));
const { paths } = JSON.parse(readFileSync(new URL('../../openapi/v1.json', import.meta.url), 'utf8')) as {
  paths: Record<string, Record<string, unknown>>;
};
const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.keys(item).map((method) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  })),
);
const image = new Blob([new Uint8Array(romfs([['hello', new TextEncoder().encode('hello\n')]]))]);

const run = async (script: string) => {
  const failed = (error: { stdout?: string; stderr?: string }) =>
    Promise.reject(new Error(error.stdout || error.stderr));
  await promisify(execFile)('npm', ['run', '--silent', script], { cwd: clients }).catch(failed);
};

/** Answers as examples of the document: JSON alone, of its lists and long tables the first two. It is no example of itself. */
const examples = new URL('../../src/worker/routes/openapi/answers.json', import.meta.url);
const LONG_TABLE = 40;
function shortened({ getOpenapi: _, ...answers }: Record<string, unknown>): unknown {
  const json = Object.entries(answers).filter(([, answer]) => answer?.constructor === Object);
  return JSON.parse(JSON.stringify(Object.fromEntries(json)), (key, value: unknown) => {
    if (Array.isArray(value)) return value.slice(0, 2);
    // Programs that look for secrets in repositories should find none.
    if (key === 'token') return String(value).replace(/^(lkl_[a-z0-9]+_).*/, '$1…');
    const isTable = key !== '' && typeof value === 'object' && value !== null && Object.keys(value).length > LONG_TABLE;
    return isTable ? Object.fromEntries(Object.entries(value).slice(0, 2)) : value;
  });
}

let worker: EmbeddedWorker;
let disk: Blob;
beforeAll(async () => {
  rmSync(`${clients}/generated`, { recursive: true, force: true });
  await run('openapi-fetch');
  await run('hey-api');
  await unpackFixture('ext4', `${clients}/generated/ext4.img`);
  disk = await openAsBlob(`${clients}/generated/ext4.img`);
  // More of each than is asked here: so that there is something to tell of it.
  const QUOTAS = JSON.stringify({
    '*': { requests_per_minute: 6000, kernel_seconds_per_minute: 600, kernels: 64, stored_bytes: 2 ** 40 },
  });
  worker = await embeddedWorker({ vars: { AUDIT: 'all', QUOTAS } });
}, 120_000);
afterAll(() => worker?.close());

it('what uses both compiles', () => run('check'), 120_000);

describe.each(['openapi-fetch', 'hey-api'])('%s', (generator) => {
  it('calls every operation', async () => {
    const called = new Set<string>();
    const recording: typeof fetch = (input, init) => {
      // Reading the body of a request, or copying it, would take it away from who sends it.
      const { method, url } = input instanceof Request ? input : new Request(input, { method: init?.method ?? 'GET' });
      const { pathname } = new URL(url);
      for (const { name, ...operation } of operations) {
        if (operation.method === method && operation.pattern.test(pathname)) called.add(name);
      }
      return fetch(input, init);
    };
    // By a name that the compiler does not see: they are checked with what was generated, by another compiler.
    const { callAll } = await import(`../clients/${generator}.ts`);
    const answers = await callAll({ url: worker.url.origin, fetch: recording, image, disk });
    if (process.env.RECORD && generator === 'openapi-fetch')
      writeFileSync(examples, `${JSON.stringify(shortened(answers), null, 2)}\n`);
    expect([...called].sort()).toEqual(operations.map(({ name }) => name).sort());
  }, 120_000);
});
