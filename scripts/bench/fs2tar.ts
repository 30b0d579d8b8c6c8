/** Images to tars, by a Worker in a workerd of its own that has them stored, and by this machine's own kernel. */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { ext4Image, squashfsImage } from './images.ts';
import { benchWorker, IMAGE } from './kernel.ts';
import { nativeTarMs } from './native.ts';
import { type BenchOptions, MB, median, type Results } from './result.ts';
import { upload } from './upload.ts';

const run = promisify(execFile);

export async function fs2tar({ quick, folder }: BenchOptions): Promise<Results> {
  const images = {
    ext4: await ext4Image(folder, quick ? 64 : 256),
    squashfs: await squashfsImage(folder, quick ? 8 : 64),
  };
  const results: Record<string, number> = {};
  for (const [name, image] of Object.entries(images)) {
    const here = await byWorkers(image, quick ? 2 : 8);
    const nativeMs = await byNative(image, join(folder, 'mount'), quick ? 1 : 3);
    results[`fs2tar.${name}.tar_bytes`] = here.tarBytes;
    results[`fs2tar.${name}.first_byte_ms`] = here.firstByteMs;
    results[`fs2tar.${name}.mb_per_s`] = here.tarBytes / MB / (here.ms / 1000);
    results[`fs2tar.${name}.without_http_mb_per_s`] = here.tarBytes / MB / (here.aloneMs / 1000);
    results[`fs2tar.${name}.ratio_to_without_http`] = here.aloneMs / here.ms;
    results[`fs2tar.${name}.native_mb_per_s`] = here.tarBytes / MB / (nativeMs / 1000);
    results[`fs2tar.${name}.ratio_to_native`] = nativeMs / here.ms;
    results[`fs2tar.${name}.wasm_bytes`] = here.wasmBytes;
    results[`fs2tar.${name}.workerd_rss_bytes`] = here.rssBytes;
  }
  return results;
}

/**
 * Over HTTP by the Worker, to curl: a client with a process and a clock of its own; and without HTTP, by the same code in the
 * Worker of benchmarks, to a sink that does nothing. The two take turns, so that a machine that is busy is so for both.
 */
async function byWorkers(path: string, times: number) {
  const worker = await embeddedWorker();
  const pid = workerdPid();
  await upload(worker, IMAGE, path);
  const url = new URL(`v1/images/${IMAGE}/tar`, worker.url);
  const bench = await benchWorker(path);
  const overHttp: Download[] = [];
  const alone: number[][] = [];
  for (let taken = 0; taken < times; taken += 1) {
    overHttp.push(await download(url));
    alone.push(await bench.ask(`tar?image=${IMAGE}`));
  }
  const rssBytes = peakBytes(pid);
  await bench.close();
  await worker.close();
  // The first of each compiles what the others use.
  const downloads = overHttp.slice(1);
  return {
    rssBytes,
    tarBytes: overHttp[0]?.bytes ?? NaN,
    firstByteMs: median(downloads.map(({ firstByteMs }) => firstByteMs)),
    ms: median(downloads.map(({ ms }) => ms)),
    aloneMs: median(alone.slice(1).map(([ms = NaN]) => ms)),
    wasmBytes: Math.max(...alone.map(([, bytes = NaN]) => bytes)),
  };
}

interface Download {
  readonly firstByteMs: number;
  readonly ms: number;
  readonly bytes: number;
}

/** Times as curl(1) tells them, from before it connects. */
async function download(url: URL): Promise<Download> {
  const write = '%{time_starttransfer} %{time_total} %{size_download}';
  const { stdout } = await run('curl', ['--fail', '--silent', '--output', '/dev/null', '--write-out', write, url.href]);
  const [firstByte = NaN, total = NaN, bytes = NaN] = stdout.split(' ').map(Number);
  return { firstByteMs: 1000 * firstByte, ms: 1000 * total, bytes };
}

/** The one workerd that this process has started. */
function workerdPid(): string {
  const isOurs = (pid: string) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return status.includes(`\nPPid:\t${process.pid}\n`) && readlinkSync(`/proc/${pid}/exe`).endsWith('/workerd');
    } catch {
      return false; // it has ended meanwhile
    }
  };
  const [pid, ...more] = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(name));
  if (pid === undefined || more.length > 0) throw new Error('one workerd should run');
  return pid;
}

/** The most memory a process has had: VmHWM of proc_pid_status(5). */
const peakBytes = (pid: string): number =>
  1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

async function byNative(image: string, mountPoint: string, times: number): Promise<number> {
  const wholesMs: number[] = [];
  for (let taken = 0; taken < times; taken += 1) wholesMs.push(await nativeTarMs(image, mountPoint));
  return median(wholesMs);
}
