/** Requests of honest clients, of every kind that costs something: each checks what it is answered. */

import { gzipSync } from 'node:zlib';

export interface MixedOptions {
  readonly url: URL;
  /** An image with some files, which is stored as `mixed`. */
  readonly image: Uint8Array<ArrayBuffer>;
  /** A file on it. */
  readonly file: string;
}

/** The service said that there is no room, and when to come back. */
export class ToldToComeBack extends Error {
  readonly afterS: number;

  constructor(afterS: number) {
    super(`told to come back after ${afterS} s`);
    this.afterS = afterS;
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const BYTES = { 'content-type': 'application/octet-stream' };
const call = (name: string, ...args: unknown[]) => ({ call: name, args });
const json = (body: unknown): RequestInit => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });

const network = {
  duration: '1s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '5ms' }],
  workloads: [{ type: 'tcp', from: 'a', to: 'b', duration: '1s' }],
};

/** By kind. Each settles when its answer has been read whole, and rejects when that is not what it should be. */
export type Mixed = Readonly<Record<string, () => Promise<void>>>;

export async function mixedRequests({ url, image, file }: MixedOptions): Promise<Mixed> {
  const compressed = gzipSync(image);
  /** The answer's bytes. */
  const send = async (path: string, init: RequestInit = {}, wanted = 200): Promise<ArrayBuffer> => {
    const answer = await fetch(new URL(path, url), init);
    const bytes = await answer.arrayBuffer();
    if (answer.status === wanted) return bytes;
    const after = answer.headers.get('retry-after');
    if ((answer.status === 503 || answer.status === 429) && after !== null) throw new ToldToComeBack(Number(after));
    throw new Error(
      `${init.method ?? 'GET'} ${path}: ${answer.status} ${new TextDecoder().decode(bytes.slice(0, 500))}`,
    );
  };
  const value = async <T>(bytes: Promise<ArrayBuffer>): Promise<T> =>
    JSON.parse(new TextDecoder().decode(await bytes)) as T;
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(what);
  };
  let made = 0;

  await send('/v1/images/mixed', { method: 'PUT', headers: BYTES, body: image }, 201);
  const tarBytes = (await send('/v1/images/mixed/tar')).byteLength;
  const fileBytes = (await send(`/v1/images/mixed/files/${file}`)).byteLength;
  const sameTar = async (bytes: Promise<ArrayBuffer>) => {
    const { byteLength } = await bytes;
    must(byteLength === tarBytes, `a tar of ${byteLength} bytes, not ${tarBytes}`);
  };

  return {
    batch: async () => {
      const answer = await value<{ results: { ret: number }[] }>(
        send('/v1/syscalls', json({ calls: [call('getpid'), call('getppid')] })),
      );
      must(answer.results[0]?.ret === 1, 'getpid of init is not 1');
    },
    'batch of lines': async () => {
      const lines = Array.from({ length: 200 }, () => `${JSON.stringify(call('getpid'))}\n`).join('');
      const headers = { 'content-type': 'application/x-ndjson' };
      const bytes = await send('/v1/syscalls', { method: 'POST', headers, body: lines });
      must(new TextDecoder().decode(bytes).split('\n').length === 202, 'not a line for each');
    },
    'batch with a disk': async () => {
      const mounts = [{ image: 'mixed', at: '/mnt' }];
      const calls = [call('openat', 'AT_FDCWD', '/mnt/new', 'O_CREAT|O_RDWR', 0o644), call('sync')];
      await send('/v1/syscalls', json({ mounts, calls }));
    },
    'a program that hangs': async () => {
      // Looking a day ahead whether anything will ever wake it takes some time of the processor.
      await send('/v1/syscalls', json({ calls: [call('pause')], deadline_ms: 120_000 }), 422);
    },
    program: async () => {
      const argv = ['sh', '-c', 'echo $((6*7)); cat /proc/uptime >/dev/null'];
      const { stdout } = await value<{ stdout: string }>(send('/v1/run', json({ argv })));
      must(stdout === '42\n', `a shell said ${stdout}`);
    },
    'image that is made, changed and checked': async () => {
      const at = `/v1/images/mixed-made-${made++}`;
      await send(`${at}/mkfs?type=ext4&size=4M`, { method: 'POST' }, 201);
      try {
        await send(`${at}/changes`, json({ changes: [{ op: 'mkdir', path: 'a' }] }));
        const { verdict } = await value<{ verdict: string }>(send(`${at}/fsck`, { method: 'POST' }));
        must(verdict === 'clean', `what Linux wrote is ${verdict}`);
      } finally {
        await send(at, { method: 'DELETE' }, 204);
      }
    },
    raw: async () => {
      const { byteLength } = await send('/v1/images/mixed/raw');
      must(byteLength === image.length, `an image of ${byteLength} bytes, not ${image.length}`);
    },
    usage: async () => void (await send('/v1/usage')),
    describe: async () => void (await send('/v1/images/mixed')),
    list: async () => void (await send('/v1/images')),
    listing: async () => void (await send('/v1/images/mixed/files/')),
    file: async () => {
      const { byteLength } = await send(`/v1/images/mixed/files/${file}`);
      must(byteLength === fileBytes, `a file of ${byteLength} bytes, not ${fileBytes}`);
    },
    tar: () => sameTar(send('/v1/images/mixed/tar')),
    'tar of a body': () => sameTar(send('/v1/fs2tar', { method: 'POST', headers: BYTES, body: image })),
    'tar of a compressed body': () => sameTar(send('/v1/fs2tar', { method: 'POST', headers: BYTES, body: compressed })),
    upload: async () => {
      const name = `mixed-${made++}`;
      await send(`/v1/images/${name}`, { method: 'PUT', headers: BYTES, body: image }, 201);
      await send(`/v1/images/${name}`, { method: 'DELETE' }, 204);
    },
    simulation: async () => {
      const answer = await value<{ flows: unknown[] }>(send('/v1/simulations', json(network)));
      must(answer.flows.length === 1, 'not one flow');
    },
    session: async () => {
      const { id } = await value<{ id: string }>(send('/v1/sessions', json({ expires_in_s: 120 }), 201));
      try {
        await send(`/v1/sessions/${id}/syscalls`, json({ calls: [call('getpid')] }));
      } finally {
        await send(`/v1/sessions/${id}`, { method: 'DELETE' }, 204);
      }
    },
    'what cannot be': async () => void (await send('/v1/syscalls', json({ calls: [{ nonsense: 1 }] }), 400)),
    nowhere: async () => void (await send('/v1/images/none', {}, 404)),
  };
}
