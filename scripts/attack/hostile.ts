/** Ideas of a hostile client, one after another: each is refused in a way that the document tells of, and nothing stays. */

import { randomBytes } from 'node:crypto';
import { scopeNames } from '../../src/worker/access/principal.ts';
import { newId, newToken, sha256Hex } from '../../src/worker/access/token.ts';
import { as, bytes, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';
import { bombs } from './hostile/bombs.ts';
import { names } from './hostile/names.ts';
import { numbers } from './hostile/numbers.ts';
import type { Probe, Target } from './hostile/probe.ts';
import { programs } from './hostile/programs.ts';
import { requests } from './hostile/requests.ts';
import { sockets } from './hostile/sockets.ts';

export interface HostileOptions {
  readonly url: URL;
  /** Who attacks and who is attacked: two tokens of a Worker as it is deployed. Default: of an open one, where all are let do all. */
  readonly tokens?: readonly [string, string] | undefined;
  /** Such as Linux writes to. */
  readonly image: Uint8Array;
  /** Beginnings of the names of probes. Default: all. */
  readonly only?: readonly string[];
}

export interface HostileReport {
  /** Milliseconds that each took. */
  readonly probes: Readonly<Record<string, number>>;
  readonly wholeMs: number;
  readonly findings: readonly string[];
}

/** What is kept from others is so where tokens say who is who; what the rest do is the same, and done where all are let in. */
const probesOf = (isDeployed: boolean): readonly Probe[] =>
  isDeployed ? names : [...requests, ...sockets, ...programs, ...bombs, ...numbers];

export async function hostile({ url, image, tokens, only = [''] }: HostileOptions): Promise<HostileReport> {
  const findings = new Findings();
  const [attacker, attacked] = tokens ?? ['attacker', 'victim'];
  const [ask, victim] = [as(url, attacker), as(url, attacked)];
  const [own, theirs] = ['attackers-own', 'victims-own'];
  for (const [who, name] of [
    [ask, own],
    [victim, theirs],
  ] as const) {
    const stored = await who(`/v1/images/${name}`, bytes(image));
    if (!stored.ok) throw new Error(`image ${name}: ${stored.status} ${await stored.text()}`);
  }
  const { id: session } = (await (await victim('/v1/sessions', json({ expires_in_s: 3600 }))).json()) as { id: string };
  const target: Target = { url, ask, victim, own, theirs, session };
  const probes: Record<string, number> = {};
  for (const probe of probesOf(tokens !== undefined).filter(({ name }) =>
    only.some((begin) => name.startsWith(begin)),
  )) {
    const start = performance.now();
    const found = (what: string) => findings.must(false, `${probe.name}: ${what}`);
    await probe.run(target, found).catch((cause: unknown) => {
      const { message, cause: inner } = cause instanceof Error ? cause : new Error(String(cause));
      found(`it ended: ${message}${inner instanceof Error ? ` (${inner.message})` : ''}`);
    });
    probes[probe.name] = Math.round(performance.now() - start);
  }
  // What is the victim's is as it was.
  const there = await victim(`/v1/images/${theirs}/raw`);
  const same = Buffer.from(await there.arrayBuffer()).equals(Buffer.from(image));
  findings.must(same, `the victim's image is another (${there.status})`);
  findings.must(
    (await victim(`/v1/sessions/${session}`, { method: 'DELETE' })).status === 204,
    "the victim's session is gone",
  );
  const wholeMs = Math.round(await untilWhole(url, 0, 20_000));
  return { probes, wholeMs, findings: findings.all };
}

/** A Worker as it is deployed, and the tokens of two who may do all but administer it. */
export async function deployment(): Promise<{
  readonly vars: Readonly<Record<string, string>>;
  readonly tokens: [string, string];
}> {
  const random = (length: number) => new Uint8Array(randomBytes(length));
  const scopes = scopeNames.filter((scope) => scope !== 'admin');
  const make = async () => {
    const id = newId(random);
    const token = newToken(id, random);
    return { token, row: { id, sha256: await sha256Hex(token), scopes } };
  };
  const [one, other] = [await make(), await make()];
  return { vars: { OPEN: '', TOKENS: JSON.stringify([one.row, other.row]) }, tokens: [one.token, other.token] };
}
