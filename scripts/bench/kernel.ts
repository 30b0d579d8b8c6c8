/** Boot, restore and system calls: a kernel alone, in workerd. */

import { json } from 'node:stream/consumers';
import { send } from '../../cli/client.ts';
import { embeddedWorker } from '../../cli/embedded-worker.ts';
import type { ImageFile } from '../../cli/image.ts';
import { type BenchOptions, median, percentile, type Results } from './result.ts';

const BENCH_WORKER = 'test/bench/worker.ts';

/** Asks the Worker of benchmarks, a fresh one, for one of them `times` times. Answers one list of samples each. */
export async function ask(
  path: string,
  { times = 1, file }: { times?: number; file?: ImageFile } = {},
): Promise<number[][]> {
  const worker = await embeddedWorker(file, BENCH_WORKER);
  try {
    const answers: number[][] = [];
    for (let asked = 0; asked < times; asked += 1) {
      const answer = await send('GET', new URL(path, worker.url));
      if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}: ${JSON.stringify(worker.log)}`);
      answers.push((await json(answer)) as number[]);
    }
    return answers;
  } finally {
    await worker.close();
  }
}

export async function kernel({ quick }: BenchOptions): Promise<Results> {
  const samples = quick ? 5 : 40;
  const [[coldBootMs = NaN] = [], ...warmBoots] = await ask('boot', { times: quick ? 2 : 4 });
  const results: Record<string, number> = {
    'boot.cold_ms': coldBootMs,
    'boot.warm_ms': median(warmBoots.flat()),
  };
  for (const machine of ['ready', 'used', 'fresh']) {
    // The first round compiles what the others use.
    const [, warm = []] = await ask(`restore-${machine}?samples=${samples}`, { times: 2 });
    results[`restore.${machine}.first_syscall_ms.p50`] = median(warm);
    results[`restore.${machine}.first_syscall_ms.p95`] = percentile(warm, 95);
  }
  const rates = await ask(`syscalls?calls=${quick ? 20_000 : 500_000}`, { times: 3 });
  results['syscalls.null_per_s'] = Math.max(...rates.flat());
  return results;
}
