/**
 * Damage: fixtures with random bytes of their used sectors overwritten, each made a tar of. Whatever the damage, it must
 * end: with a tar, or with one of our errors. What does not is printed with the seed that brings it back.
 *
 *   node scripts/conformance/damage.ts [--seed N] [--rounds N] [--fs ext4,xfs…]
 */

import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HostError } from '../../src/errors/host-error.ts';
import { imageMounter } from '../../src/image/mounter.ts';
import { KernelDead } from '../../src/kernel/errors.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot.ts';
import { type BlockDevice, SECTOR } from '../../src/storage/block-device.ts';
import type { MemoryDevice } from '../../src/storage/memory.ts';
import { fs2tar } from '../../src/tree/fs2tar/fs2tar.ts';
import { sparseDevice } from '../../test/fixtures/sparse-device.ts';
import { dist, root } from '../pins.ts';

/** A damaged size can ask for exabytes of zeros: more is as good as the end. */
const MAX_TAR_BYTES = 256 << 20;
const PATIENCE_MS = 60_000;

/** Mulberry32. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** `image` with up to 16 spots of its `used` sectors overwritten. */
function damaged(image: MemoryDevice, used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const spots = new Map<number, Buffer>();
  for (let count = 1 + pick(16); count > 0; count--) {
    const sector = used[pick(used.length)] ?? 0;
    const content = spots.get(sector) ?? Buffer.alloc(SECTOR);
    if (!spots.has(sector)) image.read(sector, content);
    spots.set(sector, content);
    const at = pick(SECTOR - 4);
    const kind = pick(5);
    if (kind === 0) content[at] = pick(256);
    else if (kind === 1) content[at] = (content[at] ?? 0) ^ (1 << pick(8));
    else if (kind === 2) content.fill(0xff, at, at + 4);
    else if (kind === 3) content.fill(0, at, Math.min(at + 1 + pick(64), SECTOR));
    else content.writeUInt32LE(pick(2 ** 32), at);
  }
  return {
    sectors: image.sectors,
    read(sector, into) {
      image.read(sector, into);
      for (let at = 0; at < into.length; at += SECTOR) {
        const spot = spots.get(sector + at / SECTOR);
        if (spot) into.set(spot, at);
      }
    },
  };
}

class Enough extends Error {}

/** In the child: one line before each seed, one after. */
async function run(path: string, seed: number, rounds: number): Promise<void> {
  const packed = execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 30 });
  const image = sparseDevice(packed);
  const { extents } = JSON.parse(packed.toString('utf8', 0, packed.indexOf('\n'))) as { extents: [number, number][] };
  const used = extents.flatMap(([first, sectors]) => Array.from({ length: sectors }, (_, at) => first + at));
  const module = new WebAssembly.Module(readFileSync(dist.snapshot));
  const snapshot = JSON.parse(readFileSync(dist.snapshotJson, 'utf8'));
  const host = {
    entropy: (into: Uint8Array) => void into.fill(0x5a),
    realtimeNs: () => 0,
    monotonicNs: () => performance.now() * 1e6,
    turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
    pause: () => Promise.resolve(),
    timer: () => () => {},
  };
  const kernels = [20, 64].map(
    (memoryMib) => async () => restore(freshMachine(module, snapshot), snapshot, { host, memoryMib }),
  ) as unknown as Parameters<typeof imageMounter>[0];
  const mounter = imageMounter(kernels);
  for (let at = seed; at < seed + rounds; at++) {
    process.send?.({ begin: at });
    process.send?.({ end: at, how: await outcome(mounter, damaged(image, used, at)) });
  }
}

async function outcome(mounter: ReturnType<typeof imageMounter>, device: BlockDevice): Promise<string> {
  let bytes = 0;
  const sink = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > MAX_TAR_BYTES) throw new Enough();
  };
  try {
    const image = await mounter.mount(device, { evenIfCut: true });
    try {
      const report = await fs2tar(image.task, image.mountPoint, sink, { ...image, onError: 'continue' });
      return report.errorCount > 0 ? 'tar with errors' : 'tar';
    } finally {
      await image.close();
    }
  } catch (cause) {
    if (cause instanceof Enough) return 'endless tar';
    if (cause instanceof HostError) return cause.kind;
    if (cause instanceof KernelError) return 'errno';
    if (cause instanceof KernelDead) return `kernel ${cause.end}: ${cause.message}`;
    return `UNNAMED ${cause instanceof Error ? cause.stack : cause}`;
  }
}

/** Runs a fixture's seeds in a child that is killed, and followed by another, when one of them does not end. */
function watch(path: string, seed: number, rounds: number, tell: (seed: number, how: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let at = seed;
    const child: ChildProcess = fork(import.meta.filename, ['--child', path, String(seed), String(rounds)]);
    const stop = () => child.kill('SIGKILL');
    let patience = setTimeout(stop, PATIENCE_MS);
    child.on('message', (message: { begin?: number; end?: number; how?: string }) => {
      clearTimeout(patience);
      patience = setTimeout(stop, PATIENCE_MS);
      if (message.begin !== undefined) at = message.begin;
      if (message.end !== undefined) tell(message.end, message.how ?? '');
    });
    child.on('exit', async (code) => {
      clearTimeout(patience);
      if (code !== 0) {
        tell(at, code === null ? 'HANGS' : `UNNAMED exit ${code}`);
        if (at + 1 < seed + rounds) await watch(path, at + 1, seed + rounds - at - 1, tell);
      }
      resolve();
    });
  });
}

if (process.argv[2] === '--child') {
  const [path = '', seed, rounds] = process.argv.slice(3);
  await run(path, Number(seed), Number(rounds));
  process.exit(0);
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '100' },
    fs: { type: 'string', default: '' },
  },
});
const fixtures = join(root, 'test/fixtures');
const names = readdirSync(fixtures).flatMap((file) => /^(.*)\.img\.xz$/.exec(file)?.[1] ?? []);
const wanted = values.fs === '' ? names : values.fs.split(',');
let failed = false;
for (const name of wanted) {
  const counts = new Map<string, number>();
  await watch(join(fixtures, `${name}.img.xz`), Number(values.seed), Number(values.rounds), (seed, how) => {
    const kind = how.split('\n')[0] ?? '';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (!/^(HANGS|UNNAMED|kernel)/.test(how)) return;
    failed ||= !how.startsWith('kernel');
    console.log(`${name} seed ${seed}: ${how}`);
  });
  console.log(name, Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)));
}
process.exit(failed ? 1 : 0);
