/** Boot, restore and system calls: a kernel alone, in workerd. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { send } from '../../cli/remote/client.ts';
import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import { ext4Image } from './images.ts';
import { type BenchOptions, MB, median, percentile, type Results } from './result.ts';
import { upload } from './upload.ts';

const MIB = 2 ** 20;
const BENCH_WORKER = 'test/bench/worker.ts';

/** In the storage of Workers that are asked for it. */
export const IMAGE = 'bench';

/** The Worker of benchmarks in a workerd of its own. */
export interface BenchWorker {
  /** Runs one of its benchmarks once more; answers its samples. */
  ask(path: string): Promise<number[]>;
  close(): Promise<void>;
}

/** `image` is a file that it finds in its storage, as `IMAGE`. */
export async function benchWorker(image?: string): Promise<BenchWorker> {
  const storage = mkdtempSync(join(tmpdir(), 'lkl-bench-storage-'));
  const tidy = () => rmSync(storage, { recursive: true });
  try {
    if (image !== undefined) await store(storage, image);
    const worker = await embeddedWorker({ main: BENCH_WORKER, storage });
    return {
      ask: async (path) => {
        const answer = await send('GET', new URL(path, worker.url));
        if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}: ${JSON.stringify(worker.log)}`);
        return (await json(answer)) as number[];
      },
      close: () => worker.close().finally(tidy),
    };
  } catch (cause) {
    tidy();
    throw cause;
  }
}

/** Asks a fresh Worker of benchmarks for one of them `times` times. Answers one list of samples each. */
async function ask(path: string, { times = 1, image }: { times?: number; image?: string } = {}): Promise<number[][]> {
  const worker = await benchWorker(image);
  try {
    const answers: number[][] = [];
    for (let asked = 0; asked < times; asked += 1) answers.push(await worker.ask(path));
    return answers;
  } finally {
    await worker.close();
  }
}

async function store(storage: string, image: string): Promise<void> {
  const worker = await embeddedWorker({ storage });
  await upload(worker, IMAGE, image);
  await worker.close();
}

/** As `name`.p50, .p95 and .p99. */
function percentiles(name: string, samples: readonly number[]): Results {
  return Object.fromEntries([50, 95, 99].map((percent) => [`${name}.p${percent}`, percentile(samples, percent)]));
}

/** Milliseconds of so many runs in one isolate. */
async function runs(bench: string, samples: number, image?: string): Promise<number[]> {
  const warmups = Math.ceil(samples / 5);
  const path = `${bench}?warmups=${warmups}&samples=${samples}&image=${IMAGE}`;
  return (await ask(path, image === undefined ? {} : { image })).flat();
}

export async function kernel({ quick, folder }: BenchOptions): Promise<Results> {
  const samples = quick ? 20 : 1000;
  const [[coldBootMs = NaN] = [], ...warmBoots] = await ask('boot', { times: quick ? 2 : 4 });
  const results: Record<string, number> = {
    'boot.cold_ms': coldBootMs,
    'boot.warm_ms': median(warmBoots.flat()),
    'restore.bytes': snapshot.bytes,
  };
  const pooled = await runs('restore-pooled', samples);
  const used = await runs('restore-used', samples);
  // An isolate has room for few machines of its own making.
  const fresh: number[] = [];
  while (fresh.length < samples) fresh.push(...(await runs('restore-fresh', Math.min(samples, 100))));
  Object.assign(
    results,
    percentiles('restore.pooled_first_syscall_ms', pooled),
    percentiles('restore.first_syscall_ms', used),
    percentiles('restore.fresh_first_syscall_ms', fresh),
  );
  const image = await ext4Image(folder, 64);
  const firstFiles = await runs('mounted-first-file', samples, image);
  Object.assign(results, percentiles('restore.mounted_first_file_ms', firstFiles));
  const [[mountedBytes = NaN] = []] = await ask(`mounted-bytes?image=${IMAGE}`, { image });
  results['memory.mounted_mib'] = mountedBytes / MIB;
  results['memory.kernels_per_128_mb'] = Math.floor((128 * MB) / mountedBytes);
  const rates = await ask(`syscalls?calls=${quick ? 20_000 : 500_000}`, { times: 3 });
  results['syscalls.null_per_s'] = Math.max(...rates.flat());
  return results;
}
