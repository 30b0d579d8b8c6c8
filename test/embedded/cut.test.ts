/** Clients that vanish, against workerd itself: the short form of `node scripts/attack.ts cut`. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import document from '../../openapi/v1.json' with { type: 'json' };
import { cut } from '../../scripts/attack/cut.ts';
import { romfs } from '../fakes/romfs.ts';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

/** Answered from what is in memory, or with one row of a Durable Object: nothing that a client could leave behind. */
const SHORT = [
  'abortUpload',
  'completeUpload',
  'createToken',
  'deleteAtPort',
  'deleteSession',
  'getDocs',
  'getDocsScript',
  'getHealth',
  'getMetrics',
  'getOpenapi',
  'getPrincipal',
  'getProblem',
  'getSyscalls',
  'getTools',
  'getVersion',
  'listTokens',
  'patchAtPort',
  'putToPort',
  'removeSessionInterface',
  'revokeToken',
  'rotateToken',
];
const all = Object.values(document.paths as Record<string, Record<string, { readonly operationId: string }>>)
  .flatMap((item) => Object.values(item))
  .map(({ operationId }) => operationId);

let worker: EmbeddedWorker;
beforeAll(async () => {
  worker = await embeddedWorker();
}, 60_000);
afterAll(() => worker?.close());

it('a service whose clients vanish at any moment is whole again, and answers the next', async () => {
  const image = romfs([
    ['directory', [['file', new Uint8Array(200_000).fill(0x61)]]],
    ['large.bin', new Uint8Array(300_000)],
  ]);
  const options = { image, file: 'large.bin', count: 100, atOnce: 8, seed: 7, withinMs: 300 };
  const { status, findings, total, operations } = await cut({ url: worker.url, ...options });
  expect(findings).toEqual([]);
  expect([status, total]).toEqual([200, 100]);
  // Who adds an operation adds a kind of request that is cut.
  expect(all.filter((name) => !operations.includes(name)).sort()).toEqual(SHORT);
}, 120_000);
