/**
 * Damage: fixtures with random bytes of their used sectors overwritten (spots), cut short (cuts), or with single bits of
 * those sectors that files' data does not fill turned over (flips), each made a tar of. Whatever the damage, it must end:
 * with a tar, or with one of our errors. What does not is printed with the seed that brings it back.
 *
 * Half is never the whole: a tar without errors is compared with that of the image before the damage. Of what was cut short
 * it must be the same, byte for byte. With spots and flips it may be another one, for not every file system has sums; one that
 * has fewer entries is counted as `fewer`.
 *
 *   node scripts/conformance/damage/damage.ts [--kind spots|cuts|flips] [--seed N] [--rounds N] [--fs ext4,xfs…] [--on-error stop]
 */

import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HostError } from '../../../src/errors/host-error.ts';
import { imageMounter } from '../../../src/image/mounting/mounter.ts';
import { KernelDead } from '../../../src/kernel/errors.ts';
import { KernelError } from '../../../src/kernel/kernel-error.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { fs2tar } from '../../../src/tree/fs2tar/fs2tar.ts';
import { sparseDevice } from '../../../test/fixtures/sparse-device.ts';
import { dist, root } from '../../pins.ts';
import { host } from '../repeatable.ts';
import { damaged, kinds } from './damage-kinds.ts';

/** A damaged size can ask for exabytes of zeros: more is as good as the end. */
const MAX_TAR_BYTES = 256 << 20;
/** Of the child's own computing: what else the machine does is no sign that it hangs. It may wait for itself, too, of which that says nothing. */
const PATIENCE_CPU_S = 60;
const PATIENCE_MS = 1_800_000;
const LOOK_MS = 1000;

class Enough extends Error {}

interface Run {
  readonly path: string;
  readonly kind: string;
  readonly onError: 'stop' | 'continue';
  readonly seed: number;
  readonly rounds: number;
  /** Of the rounds asked for, whatever is left of them. */
  readonly all: number;
}

/** In the child: one line before each seed, one after. */
async function run({ path, kind, onError, seed, rounds, all }: Run): Promise<void> {
  const packed = execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 30 });
  const image = sparseDevice(packed);
  const { extents } = JSON.parse(packed.toString('utf8', 0, packed.indexOf('\n'))) as { extents: [number, number][] };
  const used = extents.flatMap(([first, sectors]) => Array.from({ length: sectors }, (_, at) => first + at));
  const module = new WebAssembly.Module(readFileSync(dist.snapshot));
  const snapshot = JSON.parse(readFileSync(dist.snapshotJson, 'utf8'));
  const kernels = [20, 64].map(
    (memoryMib) => async () => restore(freshMachine(module, snapshot), snapshot, { host, memoryMib }),
  ) as unknown as Parameters<typeof imageMounter>[0];
  const mounter = imageMounter(kernels);
  const damage = kinds[kind] ?? damaged;
  const whole = await outcome(mounter, image, onError);
  for (let at = seed; at < seed + rounds; at++) {
    process.send?.({ begin: at });
    const got = await outcome(mounter, damage(image, used, at, all), onError);
    process.send?.({ end: at, how: judged(got, whole, kind) });
  }
}

interface Outcome {
  readonly how: string;
  readonly hash?: string;
  readonly entries?: number;
}

function judged(got: Outcome, whole: Outcome, kind: string): string {
  if (got.how !== 'tar' || whole.how !== 'tar') return got.how;
  if (got.hash === whole.hash) return 'same tar';
  if (kind === 'cuts') return 'HALF another tar, and no error';
  return (got.entries ?? 0) < (whole.entries ?? 0) ? 'fewer' : 'another tar';
}

async function outcome(
  mounter: ReturnType<typeof imageMounter>,
  device: BlockDevice,
  onError: 'stop' | 'continue',
): Promise<Outcome> {
  let bytes = 0;
  const hash = createHash('sha256');
  const sink = (chunk: Uint8Array) => {
    bytes += chunk.length;
    hash.update(chunk);
    if (bytes > MAX_TAR_BYTES) throw new Enough();
  };
  try {
    const image = await mounter.mount(device, { evenIfCut: onError === 'continue' });
    try {
      const { log, missing } = image;
      const report = await fs2tar(image.task, image.mountPoint, sink, { log, missing, onError });
      if (report.errorCount > 0) return { how: 'tar with errors' };
      return { how: 'tar', hash: hash.digest('hex'), entries: report.entries };
    } finally {
      await image.close();
    }
  } catch (cause) {
    return { how: nameOf(cause) };
  }
}

function nameOf(cause: unknown): string {
  if (cause instanceof Enough) return 'endless tar';
  if (cause instanceof HostError) return cause.kind;
  if (cause instanceof KernelError) return 'errno';
  if (cause instanceof KernelDead) return `kernel ${cause.end}: ${cause.message}`;
  return `UNNAMED ${cause instanceof Error ? cause.stack : cause}`;
}

/** proc(5): utime and stime of /proc/PID/stat, in ticks of 10 ms; 0 of what is gone. */
function cpuSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Runs a fixture's seeds in a child that is killed, and followed by another, when one of them does not end. */
function watch(job: Run, tell: (seed: number, how: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const { seed, rounds } = job;
    let at = seed;
    const child: ChildProcess = fork(import.meta.filename, ['--child', JSON.stringify(job)]);
    let since = { ms: performance.now(), cpu: 0 };
    const patience = setInterval(() => {
      const late = performance.now() - since.ms > PATIENCE_MS || cpuSeconds(child.pid) - since.cpu > PATIENCE_CPU_S;
      if (late) child.kill('SIGKILL');
    }, LOOK_MS);
    child.on('message', (message: { begin?: number; end?: number; how?: string }) => {
      since = { ms: performance.now(), cpu: cpuSeconds(child.pid) };
      if (message.begin !== undefined) at = message.begin;
      if (message.end !== undefined) tell(message.end, message.how ?? '');
    });
    child.on('exit', async (code) => {
      clearInterval(patience);
      if (code !== 0) {
        tell(at, code === null ? 'HANGS' : `UNNAMED exit ${code}`);
        if (at + 1 < seed + rounds) await watch({ ...job, seed: at + 1, rounds: seed + rounds - at - 1 }, tell);
      }
      resolve();
    });
  });
}

if (process.argv[2] === '--child') {
  await run(JSON.parse(process.argv[3] ?? '') as Run);
  process.exit(0);
}

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'spots' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '100' },
    fs: { type: 'string', default: '' },
    'on-error': { type: 'string', default: 'continue' },
  },
});
const fixtures = join(root, 'test/fixtures');
const names = readdirSync(fixtures).flatMap((file) => /^(.*)\.img\.xz$/.exec(file)?.[1] ?? []);
const wanted = values.fs === '' ? names : values.fs.split(',');
const total = new Map<string, number>();
const inOrder = (counts: ReadonlyMap<string, number>) => Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
let failed = false;
for (const name of wanted) {
  const counts = new Map<string, number>();
  const job: Run = {
    path: join(fixtures, `${name}.img.xz`),
    kind: values.kind,
    onError: values['on-error'] === 'stop' ? 'stop' : 'continue',
    seed: Number(values.seed),
    rounds: Number(values.rounds),
    all: Number(values.rounds),
  };
  await watch(job, (seed, how) => {
    const kind = how.split('\n')[0] ?? '';
    for (const map of [counts, total]) map.set(kind, (map.get(kind) ?? 0) + 1);
    if (!/^(HANGS|UNNAMED|HALF|kernel|fewer)/.test(how)) return;
    failed ||= !/^(kernel|fewer)/.test(how);
    console.log(`${name} seed ${seed}: ${how}`);
  });
  console.log(name, inOrder(counts));
}
console.log('all', inOrder(total));
process.exit(failed ? 1 : 0);
