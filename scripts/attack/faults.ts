/** Requests while every fourth operation of storage fails: each is answered right, or told to come back; half is never whole. */

import { as, bytes, countsOf, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';

export interface FaultsOptions {
  /** Of a worker whose entry is test/worker/faulty-worker.ts. */
  readonly url: URL;
  readonly image: Uint8Array;
  readonly file: string;
  readonly rounds: number;
}

export interface FaultsReport {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly wholeMs: number;
  readonly findings: readonly string[];
}

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

export async function faults({ url, image, file, rounds }: FaultsOptions): Promise<FaultsReport> {
  const findings = new Findings();
  const ask = as(url, 'faults');
  const put = await ask('/v1/images/faults', bytes(image));
  if (!put.ok) throw new Error(`storing: ${put.status}`);
  const paths = ['', '/tar', `/files/${file}`, '/files/'].map((path) => `/v1/images/faults${path}`);
  const truth = new Map<string, Uint8Array>();
  for (const path of paths) truth.set(path, new Uint8Array(await (await ask(path)).arrayBuffer()));
  const converted = new Uint8Array(await (await ask('/v1/fs2tar', bytes(image, 'POST'))).arrayBuffer());
  const outcomes: string[] = [];
  const faulty = { 'x-faults': 'yes' };

  async function outcome(path: string, init: RequestInit, right: Uint8Array | undefined): Promise<void> {
    const where = `${init.method ?? 'GET'} ${path}`;
    const answer = await ask(path, { ...init, headers: { ...faulty, ...init.headers } });
    const body = await answer.arrayBuffer().catch(() => undefined);
    if (answer.status >= 400) {
      outcomes.push(String(answer.status));
      const text = new TextDecoder().decode(body);
      const isTold = answer.status === 503 && answer.headers.has('retry-after');
      const isChanged = answer.status === 409 && /ESTALE/.test(text);
      findings.must(isTold || isChanged, `${where}: ${answer.status} ${text.slice(0, 200)}`);
      return;
    }
    outcomes.push(body === undefined ? 'broken off' : String(answer.status));
    if (body === undefined || right === undefined) return;
    findings.must(
      same(new Uint8Array(body), right),
      `${where}: ${answer.status}, but ${body.byteLength} bytes that are not right`,
    );
  }

  for (let round = 0; round < rounds; round++) {
    for (const path of paths) await outcome(path, {}, truth.get(path));
    await outcome('/v1/fs2tar', bytes(image, 'POST'), converted);
    await outcome(`/v1/images/faulty-${round}`, bytes(image), undefined);
    const stored = await ask(`/v1/images/faulty-${round}/files/${file}`);
    const found = new Uint8Array(await stored.arrayBuffer());
    const right = truth.get(`/v1/images/faults/files/${file}`) ?? new Uint8Array();
    findings.must(
      stored.status === 404 || same(found, right),
      `an image stored among faults is ${stored.status}, and not right`,
    );
    await ask(`/v1/images/faulty-${round}`, { method: 'DELETE' });
    const mounts = [{ image: 'faults', at: '/mnt' }];
    await outcome('/v1/syscalls', json({ mounts, calls: [] }), undefined);
  }
  const wholeMs = Math.round(await untilWhole(url, 0, 10_000));
  return { outcomes: countsOf(outcomes), wholeMs, findings: findings.all };
}
