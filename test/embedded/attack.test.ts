/** The attacks of scripts/attack, as short as they still mean something: none has a finding. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { fair } from '../../scripts/attack/fair.ts';
import { faults } from '../../scripts/attack/faults.ts';
import { fuzz } from '../../scripts/attack/fuzz.ts';
import { guests } from '../../scripts/attack/guests.ts';
import { deployment, hostile } from '../../scripts/attack/hostile.ts';
import { kills } from '../../scripts/attack/kills.ts';
import { load } from '../../scripts/attack/load.ts';
import { secrets } from '../../scripts/attack/secrets.ts';
import { slow } from '../../scripts/attack/slow.ts';
import { childNamed, holdingsOf } from '../../scripts/worker/process.ts';
import { romfs } from '../fakes/romfs.ts';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

/** Some are many requests after another, on a machine that may be busy. */
vi.setConfig({ testTimeout: 240_000 });

const image = new Uint8Array(
  romfs([
    ['directory', [['file', new Uint8Array(200_000).fill(0x61)]]],
    ['large.bin', new Uint8Array(700_000).fill(0x62)],
  ]),
);
const file = 'large.bin';

/** Of the one that most are done to, until it is killed. */
const storage = mkdtempSync(join(tmpdir(), 'lkl-attack-'));
let worker: EmbeddedWorker;
beforeAll(async () => {
  worker = await embeddedWorker({ storage });
}, 120_000);
afterAll(async () => {
  await worker.close();
  rmSync(storage, { recursive: true, force: true });
});

it('guests that break what they run on are told of their own end, and leave nothing', async () => {
  const { findings, batches } = await guests({ url: worker.url, deadlineMs: 500 });
  expect(findings).toEqual([]);
  expect(Object.keys(batches)).toEqual(expect.arrayContaining(['200', '422 program-deadlock', '422 program-halt']));
});

it('requests made of the OpenAPI document, right and wrong, are answered as it says', async () => {
  const { findings, requests } = await fuzz({ url: worker.url, image, each: 3, seed: 5 });
  expect(findings).toEqual([]);
  expect(requests).toBeGreaterThan(100);
});

it('no secret of one tenant is in the memory of another', async () => {
  const { findings, readMiB } = await secrets({ url: worker.url, rounds: 2 });
  expect(findings).toEqual([]);
  expect(readMiB).toBeGreaterThan(3);
});

it('clients that stop to send or to take hold nobody up for good', async () => {
  expect((await slow({ url: worker.url, image, each: 1, seconds: 3 })).findings).toEqual([]);
});

it('no hostile request is read as two, comes in by another name, or changes what others are answered', async () => {
  const only = ['one request', 'names and pages', 'headers', 'ranges', 'members', 'texts', 'numbers'];
  const { findings, probes } = await hostile({ url: worker.url, image, only });
  expect(findings).toEqual([]);
  expect(Object.keys(probes)).toHaveLength(only.length);
});

it("nobody reaches another's images and sessions by names, ids or links", async () => {
  const { vars, tokens } = await deployment();
  const deployed = await embeddedWorker({ vars });
  try {
    const { findings, probes } = await hostile({ url: deployed.url, image, tokens });
    expect(findings).toEqual([]);
    expect(Object.keys(probes)).toHaveLength(4);
  } finally {
    await deployed.close();
  }
});

it('who asks for one kernel has it while another asks for all', async () => {
  expect((await fair({ url: worker.url, atOnce: 10, seconds: 2 })).findings).toEqual([]);
});

it('honest requests are not lost among slow and vanishing clients', async () => {
  const holdings = () => holdingsOf(childNamed('workerd'));
  const clients = { atOnce: 6, slow: 2, vanishing: 2, seconds: 3, seed: 3 };
  const { findings, answered } = await load({ url: worker.url, image, file, ...clients, holdings });
  expect(findings).toEqual([]);
  expect(answered).toBeGreaterThan(0);
});

it('while storage fails every answer is right, or says when to come back', async () => {
  const faulty = await embeddedWorker({ main: 'test/worker/faulty-worker.ts' });
  try {
    const { findings, outcomes } = await faults({ url: faulty.url, image, file, rounds: 3 });
    expect(findings).toEqual([]);
    expect(outcomes['503']).toBeGreaterThan(0);
  } finally {
    await faulty.close();
  }
});

it('what was answered is there after the host was killed', async () => {
  // The only one that is there to kill; it goes on in another process.
  let isKilled = false;
  const start = async () => {
    if (isKilled) worker = await embeddedWorker({ storage });
    return worker;
  };
  const kill = () => {
    isKilled = process.kill(Number(childNamed('workerd')), 'SIGKILL');
  };
  const { findings, stored } = await kills({ start, kill, kills: 1, seed: 2 });
  expect(findings).toEqual([]);
  expect(stored).toBeGreaterThan(0);
});
