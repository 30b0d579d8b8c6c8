/**
 * Damage, judged by Linux: what damage.ts does to fixtures, listed by us and by the kernel of a virtual machine (make.sh).
 *
 *   node scripts/conformance/vm/damage.ts --vm FOLDER --share FOLDER [--kind cuts|flips|spots] [--seed N] [--rounds N] [--fs ext4,xfs…]
 *
 * Ours is one of: refused or ended by an error, or a tree. Linux's: refused, a tree with failed calls or errors in its log, or a
 * tree. What must not be: a tree of ours without an error where Linux tells of one, or another tree.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BlockDevice, bytesOf, SECTOR } from '../../../src/storage/block-device.ts';
import { sparseDevice } from '../../../test/fixtures/sparse-device.ts';
import { root } from '../../pins.ts';
import { kinds } from '../damage/damage-kinds.ts';
import { compared, unlike } from './compare.ts';
import type { Listed } from './listing.ts';
import { OPTIONS, ours } from './ours.ts';
import { type Job, listed, newShare } from './vm.ts';

const { values } = parseArgs({
  options: {
    vm: { type: 'string', default: '' },
    share: { type: 'string', default: '/tmp/lkl-vm-share' },
    kind: { type: 'string', default: 'flips' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '20' },
    fs: { type: 'string', default: '' },
  },
});

/** The used sectors alone: the rest is a hole. */
async function save(path: string, device: BlockDevice, extents: readonly (readonly [number, number])[]): Promise<void> {
  const fd = openSync(path, 'w');
  const end = bytesOf(device);
  for (const [first, sectors] of extents) {
    for (let at = first; at < first + sectors && at * SECTOR < end; at += 2048) {
      const count = Math.min(2048, first + sectors - at, device.sectors - at);
      const bytes = new Uint8Array(count * SECTOR);
      await device.read(at, bytes);
      writeSync(fd, bytes.subarray(0, Math.max(0, end - at * SECTOR)), 0, undefined, at * SECTOR);
    }
  }
  ftruncateSync(fd, end);
  closeSync(fd);
}

const manifest = JSON.parse(readFileSync(join(root, 'test/fixtures/manifest.json'), 'utf8')) as Record<
  string,
  {
    readonly volumes: readonly {
      readonly partition: number | null;
      readonly type: string | null;
      readonly options?: string;
    }[];
  }
>;
const fixtures = join(root, 'test/fixtures');
const names = readdirSync(fixtures).flatMap((file) => /^(.*)\.img\.xz$/.exec(file)?.[1] ?? []);
const wanted = (values.fs === '' ? names : values.fs.split(',')).filter(
  (name) => manifest[name]?.volumes.length === 1 && manifest[name].volumes[0]?.partition === null,
);

const input = newShare(values.share);
const jobs: Job[] = [];
const found = new Map<string, Listed | string>();
const rounds = Number(values.rounds);
for (const name of wanted) {
  const volume = manifest[name]?.volumes[0];
  if (!volume?.type) continue;
  const packed = execFileSync('xz', ['-dc', join(fixtures, `${name}.img.xz`)], { maxBuffer: 1 << 30 });
  const image = sparseDevice(packed);
  const { extents } = JSON.parse(packed.toString('utf8', 0, packed.indexOf('\n'))) as { extents: [number, number][] };
  const used = extents.flatMap(([first, sectors]) => Array.from({ length: sectors }, (_, at) => first + at));
  const options = [OPTIONS[volume.type], volume.options].filter(Boolean).join(',');
  for (let seed = Number(values.seed) - 1; seed < Number(values.seed) + rounds; seed += 1) {
    // The first is whole: what differs there is of how the two look.
    const isWhole = seed < Number(values.seed);
    const device = isWhole ? image : (kinds[values.kind]?.(image, used, seed, rounds) ?? image);
    const file = `${name}-${isWhole ? 'whole' : seed}.img`;
    found.set(file, await ours(device));
    await save(join(input, file), device, extents);
    jobs.push({ name: file, type: volume.type, options });
  }
  console.error(name);
}

const { listings, died } = await listed(values.vm, values.share, jobs);
for (const name of died) {
  const mine = found.get(name);
  console.log(`${name}: Linux did not live through it; ours: ${typeof mine === 'string' ? mine : 'a tree'}`);
}

const counts = new Map<string, number>();
for (const { name } of jobs) {
  const theirs = listings.get(name);
  const mine = found.get(name);
  if (theirs === undefined || mine === undefined) continue;
  const whole = `${name.slice(0, name.lastIndexOf('-'))}-whole.img`;
  const [a, b] = [found.get(whole), listings.get(whole)];
  const verdict = compared(mine, theirs, new Set(typeof a === 'object' && b ? unlike(a, b) : []));
  counts.set(verdict.kind, (counts.get(verdict.kind) ?? 0) + 1);
  if (verdict.tell) console.log(`${name}: ${verdict.kind}\n  ${verdict.tell}`);
}
console.log(Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)));
