/** What a client waits for: a workerd that starts, its first request that needs a kernel, and those after it. */

import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { type BenchOptions, median, percentile, type Results, timed } from './result.ts';

const batch = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ calls: [{ call: 'getpid' }] }),
};

export async function start({ quick }: BenchOptions): Promise<Results> {
  const startMs = performance.now();
  const worker = await embeddedWorker();
  const workerdMs = performance.now() - startMs;

  const request = async (path: string, init?: RequestInit) => {
    const answer = await fetch(new URL(path, worker.url), init);
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  const many = async (path: string, init?: RequestInit) => {
    const times: number[] = [];
    for (let made = 0; made < (quick ? 20 : 200); made += 1) times.push(await timed(() => request(path, init)));
    return times;
  };
  const firstMs = await timed(() => request('v1/syscalls', batch));
  await many('v1/syscalls', batch); // compiles what is measured next
  const batches = await many('v1/syscalls', batch);
  const healthz = await many('healthz');
  await worker.close();
  return {
    'start.workerd_ms': workerdMs,
    'start.first_syscall_request_ms': firstMs,
    'request.syscall_ms.p50': median(batches),
    'request.syscall_ms.p95': percentile(batches, 95),
    'request.healthz_ms.p50': median(healthz),
  };
}
