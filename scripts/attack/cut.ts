/** Requests of every kind whose client vanishes at a random moment: afterwards the service is as it was. */

import { connected, randomFrom, sleep, type WireRequest, wireBytes } from './wire.ts';

export interface CutOptions {
  readonly url: URL;
  /** An image with some files, whose bytes are uploaded as `cut`. */
  readonly image: Uint8Array;
  /** A file on it. */
  readonly file: string;
  readonly count: number;
  readonly atOnce: number;
  readonly seed: number;
  /** Within so many milliseconds a client is cut. */
  readonly withinMs: number;
}

export interface CutReport {
  readonly cuts: Readonly<Record<string, number>>;
  /** Of those, what had been answered by then, by status. */
  readonly answered: Readonly<Record<string, number>>;
  /** Until the pool was whole again. */
  readonly wholeMs: number;
  /** What a batch of the usual kind is answered by then. */
  readonly status: number;
}

const json = (method: string, path: string, body: unknown): WireRequest => ({
  method,
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const call = (name: string, ...args: unknown[]) => ({ call: name, args });
/** Busy, and with sleeps in between, by the wall clock. */
const busy = Array.from({ length: 2000 }, () => call('getpid'));
const slow = Array.from({ length: 10 }, () => call('nanosleep', { tv_sec: 0, tv_nsec: 50_000_000 }, null));

const network = {
  duration: '5s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '50mbit', delay: '10ms' }],
  workloads: [{ type: 'tcp', from: 'a', to: 'b', duration: '5s' }],
};

/** Ready to be sent, by kind. */
function requests({ image, file }: CutOptions, session: string): Readonly<Record<string, WireRequest>> {
  const at = `/v1/sessions/${session}`;
  const bytes = { 'content-type': 'application/octet-stream' };
  const lines = `${JSON.stringify({ clock: 'wall' })}\n${busy.map((one) => `${JSON.stringify(one)}\n`).join('')}`;
  return {
    batch: json('POST', '/v1/syscalls', { calls: busy }),
    'batch that waits': json('POST', '/v1/syscalls', { clock: 'wall', calls: slow }),
    'batch that never ends': json('POST', '/v1/syscalls', { clock: 'wall', deadline_ms: 1000, calls: [call('pause')] }),
    'batch of lines': {
      method: 'POST',
      path: '/v1/syscalls',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines,
    },
    simulation: json('POST', '/v1/simulations', network),
    'simulation as lines': {
      ...json('POST', '/v1/simulations', network),
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
    },
    describe: { method: 'GET', path: '/v1/images/cut' },
    listing: { method: 'GET', path: '/v1/images/cut/files/' },
    file: { method: 'GET', path: `/v1/images/cut/files/${file}` },
    tar: { method: 'GET', path: '/v1/images/cut/tar' },
    'tar of a body': { method: 'POST', path: '/v1/fs2tar', headers: bytes, body: image },
    upload: { method: 'PUT', path: '/v1/images/cut-upload', headers: bytes, body: image },
    'new session': json('POST', '/v1/sessions', { expires_in_s: 5 }),
    'session batch': json('POST', `${at}/syscalls`, { calls: [...busy, ...slow.slice(0, 4)] }),
    'session file': { method: 'GET', path: `${at}/files/proc/filesystems` },
    WebSocket: {
      method: 'GET',
      path: `${at}/socket`,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    },
  };
}

/** A text message as a client's frame: masked, by zeros (RFC 6455 5.2). */
export function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126 ? [0x81, 0x80 | payload.length] : [0x81, 0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

async function cutOne(url: URL, request: WireRequest, random: () => number, withinMs: number): Promise<string> {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  const bytes = wireBytes(request);
  // A third are cut while they are sent.
  const sent = random() < 0.33 ? Math.floor(random() * bytes.length) : bytes.length;
  let head = '';
  socket.once('data', (chunk: Buffer) => {
    head = chunk.subarray(0, 32).toString('latin1');
    // Half of them take nothing more than the first bytes, so that the answer stands on its way.
    if (random() < 0.5) socket.pause();
  });
  socket.write(bytes.subarray(0, sent));
  if (request.headers?.upgrade !== undefined) {
    await sleep(random() * 30);
    for (let i = 0; i < 5; i++) socket.write(frame(JSON.stringify({ calls: busy.slice(0, 50) })));
  }
  await sleep(random() ** 2 * withinMs);
  if (random() < 0.7) socket.resetAndDestroy();
  else socket.destroy();
  return /^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 'none';
}

interface Health {
  readonly ready: boolean;
  readonly kernels: number;
  readonly waiting: number;
  readonly memory: { readonly body_bytes: number };
}

/** Throws when the service is not whole within `limitMs`. */
export async function untilWhole(url: URL, kernels: number, limitMs: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const health = (await (await fetch(new URL('/healthz', url))).json()) as Health;
    const passed = performance.now() - start;
    if (health.ready && health.kernels <= kernels && health.waiting === 0 && health.memory.body_bytes === 0)
      return passed;
    if (passed > limitMs) throw new Error(`not whole after ${limitMs} ms: ${JSON.stringify(health)}`);
    await sleep(100);
  }
}

/** What a service that is used needs to be whole: leases are taken back within 2.5 s and three looks. */
const WHOLE_MS = 5_000;

export async function cut(options: CutOptions): Promise<CutReport> {
  const { url, image, count, atOnce, seed, withinMs } = options;
  const stored = await fetch(new URL('/v1/images/cut', url), {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(image),
  });
  if (!stored.ok) throw new Error(`upload: ${await stored.text()}`);
  const made = await fetch(new URL('/v1/sessions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ expires_in_s: 3600 }),
  });
  const { id } = (await made.json()) as { readonly id: string };
  const kinds = Object.entries(requests(options, id));
  const random = randomFrom(seed);
  const cuts: Record<string, number> = {};
  const answered: Record<string, number> = {};
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const [kind, request] = kinds[next++ % kinds.length] ?? ['', { method: 'GET', path: '/' }];
      const status = await cutOne(url, request, random, withinMs);
      cuts[kind] = (cuts[kind] ?? 0) + 1;
      answered[status] = (answered[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const deleted = await fetch(new URL(`/v1/sessions/${id}`, url), { method: 'DELETE' });
  if (deleted.status !== 204) throw new Error(`the session that was cut: ${deleted.status} ${await deleted.text()}`);
  await deleteSessions(url);
  const wholeMs = await untilWhole(url, 0, WHOLE_MS);
  const last = await fetch(new URL('/v1/syscalls', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ calls: [call('getpid')] }),
  });
  await last.arrayBuffer();
  return { cuts, answered, wholeMs: Math.round(wholeMs), status: last.status };
}

/** Those whose creation was cut, which nobody knows the names of. */
async function deleteSessions(url: URL): Promise<void> {
  const { sessions } = (await (await fetch(new URL('/v1/sessions', url))).json()) as {
    readonly sessions: readonly { readonly id: string }[];
  };
  for (const { id } of sessions) {
    const { status } = await fetch(new URL(`/v1/sessions/${id}`, url), { method: 'DELETE' });
    if (status !== 204 && status !== 404) throw new Error(`session ${id}: DELETE answered ${status}`);
  }
}
