/** Images to tars, by a Worker in a workerd of its own that has them stored, and by this machine's own kernel. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { send } from '../../cli/remote/client.ts';
import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { ext4Image, squashfsImage } from './images.ts';
import { ask, IMAGE } from './kernel.ts';
import { nativeTarMs } from './native.ts';
import { type BenchOptions, MB, median, type Results } from './result.ts';
import { upload } from './upload.ts';

export async function fs2tar({ quick, folder }: BenchOptions): Promise<Results> {
  const images = {
    ext4: await ext4Image(folder, quick ? 64 : 256),
    squashfs: await squashfsImage(folder, quick ? 8 : 64),
  };
  const results: Record<string, number> = {};
  for (const [name, image] of Object.entries(images)) {
    const here = await byWorker(image, quick ? 2 : 4);
    const nativeMs = await byNative(image, join(folder, 'mount'), quick ? 1 : 3);
    results[`fs2tar.${name}.tar_bytes`] = here.tarBytes;
    results[`fs2tar.${name}.first_byte_ms`] = here.firstByteMs;
    results[`fs2tar.${name}.mb_per_s`] = here.tarBytes / MB / (here.ms / 1000);
    results[`fs2tar.${name}.without_http_mb_per_s`] = here.tarBytes / MB / (here.aloneMs / 1000);
    results[`fs2tar.${name}.native_mb_per_s`] = here.tarBytes / MB / (nativeMs / 1000);
    results[`fs2tar.${name}.ratio_to_native`] = nativeMs / here.ms;
    results[`fs2tar.${name}.wasm_bytes`] = here.wasmBytes;
    results[`fs2tar.${name}.workerd_rss_bytes`] = here.rssBytes;
  }
  return results;
}

async function byWorker(path: string, times: number) {
  const worker = await embeddedWorker();
  await upload(worker, IMAGE, path);
  const firstBytesMs: number[] = [];
  const wholesMs: number[] = [];
  let tarBytes = 0;
  for (let taken = 0; taken < times; taken += 1) {
    const startMs = performance.now();
    const answer = await send('GET', new URL(`v1/images/${IMAGE}/tar`, worker.url));
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}`);
    tarBytes = 0;
    for await (const chunk of answer) {
      if (tarBytes === 0) firstBytesMs.push(performance.now() - startMs);
      tarBytes += chunk.length;
    }
    wholesMs.push(performance.now() - startMs);
  }
  const rssBytes = workerdRssBytes();
  await worker.close();
  const [, ...alone] = await ask(`tar?image=${IMAGE}`, { times, image: path });
  // The first one compiles what the others use.
  return {
    tarBytes,
    rssBytes,
    firstByteMs: median(firstBytesMs.slice(1)),
    ms: median(wholesMs.slice(1)),
    aloneMs: median(alone.map(([ms = NaN]) => ms)),
    wasmBytes: Math.max(...alone.map(([, bytes = NaN]) => bytes)),
  };
}

/** The most memory the workerd that this process started has had: VmHWM of proc_pid_status(5). */
function workerdRssBytes(): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const isOurs =
        status.includes(`\nPPid:\t${process.pid}\n`) && readlinkSync(`/proc/${pid}/exe`).endsWith('/workerd');
      if (isOurs) return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
    } catch {
      // it has ended meanwhile
    }
  }
  throw new Error('workerd does not run');
}

async function byNative(image: string, mountPoint: string, times: number): Promise<number> {
  const wholesMs: number[] = [];
  for (let taken = 0; taken < times; taken += 1) wholesMs.push(await nativeTarMs(image, mountPoint));
  return median(wholesMs);
}
