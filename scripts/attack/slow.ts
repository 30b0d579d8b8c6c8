/** Clients that stop to send or to take, and one that floods: others are served meanwhile, and afterwards nothing is held. */

import type { Socket } from 'node:net';
import { as, bytes, call, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';
import { Figures, type KindFigures } from './figures.ts';
import { ToldToComeBack } from './mixed.ts';
import { asked } from './plateau.ts';
import { connected, frame, sleep, type WireRequest, wireBytes } from './wire.ts';

export interface SlowOptions {
  readonly url: URL;
  /** Stored as `slow`; its tar should be larger than what sockets and streams buffer. */
  readonly image: Uint8Array;
  readonly each: number;
  readonly seconds: number;
}

export interface SlowReport {
  readonly slow: Readonly<Record<string, number>>;
  /** Batches of somebody else meanwhile. */
  readonly others: KindFigures;
  /** After the slow ones were gone, until the service was whole. */
  readonly wholeMs: number;
  readonly findings: readonly string[];
}

const SLOW = 'Bearer slow';
const STOPS_AT = 15 * 2 ** 20;

const uploading = (path: string, method: string, type: string): WireRequest => ({
  method,
  path,
  headers: { authorization: SLOW, 'content-type': type, 'content-length': String(2 * STOPS_AT) },
});

const kinds: Readonly<Record<string, WireRequest>> = {
  'takes the beginning of a tar': { method: 'GET', path: '/v1/images/slow/tar', headers: { authorization: SLOW } },
  'sends 15 MiB of an image': uploading('/v1/images/never', 'PUT', 'application/octet-stream'),
  'sends 15 MiB of an image to convert': uploading('/v1/fs2tar', 'POST', 'application/octet-stream'),
  'sends 15 MiB of JSON': uploading('/v1/syscalls', 'POST', 'application/json'),
  'sends 15 MiB of a line': uploading('/v1/syscalls', 'POST', 'application/x-ndjson'),
};

async function slowOne(url: URL, kind: string, request: WireRequest): Promise<Socket> {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  socket.write(wireBytes(request));
  if (kind.startsWith('takes')) socket.once('data', () => socket.pause());
  else socket.write(Buffer.alloc(STOPS_AT, 0x20));
  return socket;
}

/** Sends batches to a session and takes no answer. */
async function flood(url: URL, session: string): Promise<Socket> {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  const headers = {
    authorization: SLOW,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  socket.write(wireBytes({ method: 'GET', path: `/v1/sessions/${session}/socket`, headers }));
  socket.once('data', () => {
    socket.pause();
    const message = frame(JSON.stringify({ calls: Array.from({ length: 200 }, () => call('getpid')) }));
    for (let sent = 0; sent < 2000; sent++) socket.write(message);
  });
  return socket;
}

export async function slow({ url, image, each, seconds }: SlowOptions): Promise<SlowReport> {
  const findings = new Findings();
  const [owner, other] = [as(url, 'slow'), as(url, 'other')];
  await (await owner('/v1/images/slow', bytes(image))).arrayBuffer();
  const { id } = (await (await owner('/v1/sessions', json({ expires_in_s: 600 }))).json()) as { readonly id: string };
  const sockets: Socket[] = [];
  for (const [kind, request] of Object.entries(kinds)) {
    for (let made = 0; made < each; made++) sockets.push(await slowOne(url, kind, request));
  }
  for (let made = 0; made < each; made++) sockets.push(await flood(url, id));

  const figures = new Figures();
  const untilMs = performance.now() + 1000 * seconds;
  while (performance.now() < untilMs) {
    await asked(async () => {
      const answer = await other('/v1/syscalls', json({ calls: [call('getpid')] }));
      const body = await answer.text();
      if (answer.status === 503) throw new ToldToComeBack(Number(answer.headers.get('retry-after')));
      if (answer.status !== 200) throw new Error(`${answer.status} ${body}`);
    }, figures);
    await sleep(100);
  }
  for (const socket of sockets) socket.destroy();
  const deleted = await owner(`/v1/sessions/${id}`, { method: 'DELETE' });
  findings.must(deleted.status === 204, `the session that was flooded: DELETE answered ${deleted.status}`);
  const wholeMs = Math.round(await untilWhole(url, 0, 40_000));
  const others = figures.all;
  findings.must(others.answered > 0, 'nobody else was served');
  for (const failure of others.failed) findings.must(false, failure);
  const slowOnes = Object.fromEntries([...Object.keys(kinds), 'floods a WebSocket'].map((kind) => [kind, each]));
  return { slow: slowOnes, others, wholeMs, findings: findings.all };
}
