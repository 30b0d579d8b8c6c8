/** What requests that are cut are made at: images, an upload, a link; and sessions. */

import { type ImageKindNeeds, images } from './images.ts';
import { kernels } from './kernels.ts';
import { call, type Kinds } from './kind.ts';
import { sessions } from './sessions.ts';

export interface Aims {
  readonly url: URL;
  readonly image: Uint8Array;
  readonly file: string;
}

const READ = 'cut';
const WRITTEN = 'cut-written';
const JSON_TYPE = { 'content-type': 'application/json' };
const BYTES = { 'content-type': 'application/octet-stream' };

/** The bytes of an answer of success. */
async function must(url: URL, path: string, init: RequestInit = {}): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(new URL(path, url), init);
  if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.bytes();
}

const told = async <T>(bytes: Promise<Uint8Array>): Promise<T> =>
  JSON.parse(new TextDecoder().decode(await bytes)) as T;
const json = (body: unknown): RequestInit => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });

/** Kinds that need no session, each with what it reads and writes there. */
export async function withoutSessions({ url, image, file }: Aims): Promise<Kinds> {
  const bytes = new Uint8Array(image);
  await must(url, `/v1/images/${READ}`, { method: 'PUT', headers: BYTES, body: bytes });
  await must(url, `/v1/images/${WRITTEN}/mkfs?type=ext4&size=16M`, { method: 'POST' });
  const put = { method: 'PUT', headers: BYTES, body: new Uint8Array(100_000).fill(1) };
  const { version } = await told<{ version: string }>(must(url, `/v1/images/${WRITTEN}/files/first`, put));
  const { id } = await told<{ id: string }>(must(url, `/v1/images/${WRITTEN}/uploads`, { method: 'POST' }));
  const tar = await must(url, `/v1/images/${WRITTEN}/tar`);
  const asked = { method: 'GET', path: `/v1/images/${READ}/tar` };
  const { url: signed } = await told<{ url: string }>(must(url, '/v1/links', json(asked)));
  const { pathname, search } = new URL(signed);
  const needs: ImageKindNeeds = {
    read: READ,
    file,
    bytes,
    written: WRITTEN,
    version,
    upload: id,
    tar,
    link: `${pathname}${search}`,
  };
  return { ...kernels(WRITTEN), ...images(needs) };
}

const listener = { struct: 'sockaddr_in', sin_family: 'AF_INET', sin_port: 8080, sin_addr: '0.0.0.0' };

/** Kinds of two sessions, which are made for them. */
export async function ofSessions({ url }: Aims): Promise<Kinds> {
  const made = async (request: object) =>
    (await told<{ id: string }>(must(url, '/v1/sessions', json({ expires_in_s: 3600, ...request })))).id;
  const sleeper = await made({ memory: 16, mounts: [{ image: WRITTEN, at: '/mnt' }] });
  await must(url, `/v1/sessions/${sleeper}/suspend`, { method: 'POST' });
  const session = await made({ memory: 16, program_memory: 8 });
  const calls = [
    { ...call('socket', 'AF_INET', 'SOCK_STREAM', 0), as: 'listener' },
    call('bind', { ref: 'listener' }, listener, 16),
    call('listen', { ref: 'listener' }, 16),
  ];
  await must(url, `/v1/sessions/${session}/syscalls`, json({ calls }));
  await must(url, `/v1/sessions/${session}/interfaces`, json({}));
  return sessions({ session, sleeper, image: WRITTEN });
}

/** Those that are known, and those whose creation was cut, whose names nobody was told. */
export async function deleteSessions({ url }: Pick<Aims, 'url'>): Promise<void> {
  const { sessions: all } = await told<{ sessions: readonly { readonly id: string }[] }>(must(url, '/v1/sessions'));
  for (const { id } of all) {
    const { status } = await fetch(new URL(`/v1/sessions/${id}`, url), { method: 'DELETE' });
    if (status !== 204 && status !== 404) throw new Error(`session ${id}: DELETE answered ${status}`);
  }
}
