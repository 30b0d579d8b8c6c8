/** A live kernel over HTTP and over a WebSocket, call by call; and how it is put to rest and woken. */

import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { ext4Image } from './images.ts';
import { type BenchOptions, median, type Results, timed } from './result.ts';
import { upload } from './upload.ts';

const getpid = { calls: [{ call: 'getpid' }] };

interface Session {
  readonly id: string;
  readonly suspended?: { readonly took_ms: number; readonly bytes: number };
}

export async function session({ quick, folder }: BenchOptions): Promise<Results> {
  const worker = await embeddedWorker();
  await upload(worker, 'bench', await ext4Image(folder, 64));
  const [calls, rests] = quick ? [50, 3] : [1000, 30];

  const post = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(new URL(`v1/sessions${path}`, worker.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  };
  const create = async (options: unknown) => `/${((await post('', options)) as Session).id}`;

  const plain = await create({});
  const callMs = async (times: number, call: () => Promise<unknown>): Promise<number> => {
    for (let made = 0; made < times / 5; made += 1) await call(); // compiles what is measured next
    return (
      (await timed(async () => {
        for (let made = 0; made < times; made += 1) await call();
      })) / times
    );
  };
  const httpMs = await callMs(calls, () => post(`${plain}/syscalls`, getpid));
  const socket = await connect(new URL(`v1/sessions${plain}/socket`, worker.url));
  const socketMs = await callMs(calls, () => socket.ask(getpid));
  socket.close();

  const rest = async (path: string, name: string): Promise<Results> => {
    const suspends: Session['suspended'][] = [];
    const resumesMs: number[] = [];
    for (let taken = 0; taken < rests; taken += 1) {
      suspends.push(((await post(`${path}/suspend`, {})) as Session).suspended);
      resumesMs.push(await timed(() => post(`${path}/syscalls`, getpid)));
    }
    return {
      [`session.${name}.suspend_ms.p50`]: median(suspends.map((one) => one?.took_ms ?? Number.NaN)),
      [`session.${name}.suspended_bytes`]: median(suspends.map((one) => one?.bytes ?? Number.NaN)),
      [`session.${name}.resume_ms.p50`]: median(resumesMs),
    };
  };
  const mounted = await create({ mounts: [{ image: 'bench', at: '/mnt' }] });
  const results = {
    'session.http_calls_per_s': 1000 / httpMs,
    'session.websocket_calls_per_s': 1000 / socketMs,
    ...(await rest(plain, 'plain')),
    ...(await rest(mounted, 'ext4')),
  };
  await worker.close();
  return results;
}

/** A WebSocket that is asked one batch after another. */
async function connect(url: URL) {
  const socket = new WebSocket(url.href.replace('http', 'ws'));
  const failed = new Promise<never>((_, reject) => socket.addEventListener('error', reject, { once: true }));
  const next = (type: 'open' | 'message') =>
    Promise.race([failed, new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }))]);
  await next('open');
  return {
    ask(batch: unknown) {
      const answered = next('message');
      socket.send(JSON.stringify(batch));
      return answered;
    },
    close: () => socket.close(),
  };
}
