/** Whole processes of the command as the package has it, from their start to their end, beside mount and GNU tar. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../pins.ts';
import { filesImage } from './images.ts';
import { nativeTarMs } from './native.ts';
import { type BenchOptions, median, type Results, timed } from './result.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Of images: MiB, how many files, and the bytes of the smallest and the largest. */
const images = {
  '10mb': { mib: 10, files: 200, bytes: [1 * KIB, 60 * KIB] },
  '200mb_5000_files': { mib: 200, files: 5000, bytes: [512, 45 * KIB] },
  '1gb': { mib: 1024, files: 700, bytes: [4 * KIB, 2.4 * MIB] },
} as const;

/** Ends of processes are looked for so often: how much memory they had is known until then. */
const LOOK_MS = 5;

export async function command({ quick, folder }: BenchOptions): Promise<Results> {
  const lkl = unpack(folder);
  const times = quick ? 2 : 7;
  const results: Record<string, number> = {};
  const ownMs: number[] = [];
  let small = '';
  for (const [name, { mib, files, bytes }] of Object.entries(images)) {
    const image = await filesImage(folder, name, mib, files, bytes);
    small ||= image;
    const ran: Ran[] = [];
    const nativeMs: number[] = [];
    await run([lkl, 'fs2tar', image]); // caches of this machine, and of compiled JavaScript
    // In turn: this machine's speed varies.
    for (let taken = 0; taken < (mib > 500 ? Math.ceil(times / 2) : times); taken += 1) {
      ran.push(await run([lkl, 'fs2tar', image]));
      nativeMs.push(await nativeTarMs(image, join(folder, 'mount')));
    }
    results[`command.fs2tar.${name}.ms`] = median(ran.map(({ ms }) => ms));
    results[`command.fs2tar.${name}.native_ms`] = median(nativeMs);
    results[`command.fs2tar.${name}.times_native`] = median(ran.map(({ ms }, i) => ms / (nativeMs[i] ?? Number.NaN)));
    results[`command.fs2tar.${name}.rss_bytes`] = Math.max(...ran.map(({ rssBytes }) => rssBytes));
  }
  for (const [name, args] of [
    ['ls', ['ls', '-l', small]],
    ['cat', ['cat', small, '/0/0']],
    ['info', ['info', small]],
  ] as const) {
    const ran: number[] = [];
    for (let taken = 0; taken < times; taken += 1) ran.push((await run([lkl, ...args])).ms);
    results[`command.${name}.ms`] = median(ran);
  }
  for (let taken = 0; taken < times; taken += 1) ownMs.push((await run(['-e', '0'])).ms);
  results['command.node_alone.ms'] = median(ownMs);
  return results;
}

/** The package, packed and unpacked: answers its launcher. */
function unpack(folder: string): string {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts=false', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).replace(/^[^[]*(?=\[\n)/s, ''),
  );
  const target = join(folder, 'package');
  mkdirSync(target);
  execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', target, '--strip-components=1']);
  return join(target, 'cli/lkl.mjs');
}

interface Ran {
  readonly ms: number;
  /** The most it was seen to have. */
  readonly rssBytes: number;
}

/** This Node with these arguments, its output through a pipe to nowhere. */
async function run(args: readonly string[]): Promise<Ran> {
  let rssBytes = 0;
  const ms = await timed(async () => {
    const reader = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
    const child = spawn(process.execPath, args, { stdio: ['ignore', reader.stdin, 'inherit'] });
    const timer = setInterval(() => {
      rssBytes = Math.max(rssBytes, rssOf(child.pid));
    }, LOOK_MS);
    reader.stdin.destroy(); // the child has it
    const [code] = await Promise.all([child, reader].map((one) => new Promise((resolve) => one.on('exit', resolve))));
    clearInterval(timer);
    if (code !== 0) throw new Error(`lkl ${args.slice(1).join(' ')} ended with ${code}`);
  });
  return { ms, rssBytes };
}

/** VmHWM of proc_pid_status(5). */
function rssOf(pid: number | undefined): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has ended meanwhile
  }
}
