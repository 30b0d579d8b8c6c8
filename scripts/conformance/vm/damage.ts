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
import { imageMounter } from '../../../src/image/mounter.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../../src/storage/block-device.ts';
import { fs2tar } from '../../../src/tree/fs2tar/fs2tar.ts';
import { sparseDevice } from '../../../test/fixtures/sparse-device.ts';
import { dist, root } from '../../pins.ts';
import { kinds } from '../damage-kinds.ts';
import { type Listed, listingOfTar } from './listing.ts';
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

/** As this kernel mounts them by itself; Debian's has other defaults for names. */
const OPTIONS: Readonly<Record<string, string>> = {
  vfat: 'utf8',
  iso9660: 'iocharset=utf8',
  ext2: 'errors=remount-ro',
  ext3: 'errors=remount-ro',
  ext4: 'errors=remount-ro',
  nilfs2: 'errors=remount-ro',
};

const module = new WebAssembly.Module(readFileSync(dist.snapshot));
const snapshot = JSON.parse(readFileSync(dist.snapshotJson, 'utf8'));
const host = { ...nodeHost, entropy: (into: Uint8Array) => void into.fill(0x5a), realtimeNs: () => 0 };
const kernels = [20, 64].map(
  (memoryMib) => async () => restore(freshMachine(module, snapshot), snapshot, { host, memoryMib }),
) as unknown as Parameters<typeof imageMounter>[0];
const mounter = imageMounter(kernels);

const MAX_TAR_BYTES = 128 << 20;

async function ours(device: BlockDevice): Promise<Listed | string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const image = await mounter.mount(device, {});
    try {
      const sink = (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > MAX_TAR_BYTES) throw new Error('endless');
        chunks.push(chunk.slice());
      };
      const { log, missing } = image;
      await fs2tar(image.task, image.mountPoint, sink, { log, missing, onError: 'stop' });
    } finally {
      await image.close();
    }
    return { ...listingOfTar(Buffer.concat(chunks)), errors: [], refused: false };
  } catch (cause) {
    return cause instanceof Error ? `${cause.name} ${cause.message}`.slice(0, 200) : String(cause);
  }
}

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
for (const name of died) console.log(`${name}: Linux did not live through it; ours: ${wordOf(found.get(name))}`);

function wordOf(one: Listed | string | undefined): string {
  return typeof one === 'string' ? one : 'a tree';
}

const counts = new Map<string, number>();
for (const { name } of jobs) {
  const theirs = listings.get(name);
  const mine = found.get(name);
  if (theirs === undefined || mine === undefined) continue;
  const whole = `${name.slice(0, name.lastIndexOf('-'))}-whole.img`;
  const verdict = compared(mine, theirs, whole);
  counts.set(verdict.kind, (counts.get(verdict.kind) ?? 0) + 1);
  if (verdict.tell) console.log(`${name}: ${verdict.kind}\n  ${verdict.tell}`);
}
console.log(Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)));

function compared(
  mine: Listed | string,
  theirs: Listed,
  whole: string,
): { readonly kind: string; readonly tell?: string } {
  const bad = theirs.refused || theirs.errors.length > 0;
  if (typeof mine === 'string') {
    if (bad) return { kind: 'both tell of an error' };
    return { kind: 'ours alone tells of an error', tell: mine };
  }
  if (theirs.refused) return { kind: 'OURS a tree where Linux refuses', tell: theirs.errors.join('; ').slice(0, 600) };
  const different = differences(mine, theirs, whole);
  const errors = theirs.errors.join('; ').slice(0, 600);
  if (bad)
    return {
      kind: 'OURS silent where Linux tells of an error',
      tell: `${errors} | ${different.slice(0, 5).join('; ')}`,
    };
  if (different.length > 0) return { kind: 'OURS another tree', tell: different.slice(0, 8).join('; ') };
  return { kind: 'the same tree' };
}

/** Without what differs in the whole image as well. */
function differences(mine: Listed, theirs: Listed, whole: string): string[] {
  const [a, b] = [found.get(whole), listings.get(whole)];
  const known = new Set(typeof a === 'object' && b ? unlike(a, b) : []);
  return unlike(mine, theirs).filter((line) => !known.has(line));
}

function unlike(mine: Listed, theirs: Listed): string[] {
  const lines: string[] = [];
  const text = (path: string) => Buffer.from(path, 'hex').toString();
  for (const path of new Set([...mine.entries.keys(), ...theirs.entries.keys()])) {
    const [one, other] = [mine.entries.get(path), theirs.entries.get(path)];
    if (one !== other) lines.push(`${text(path)}: ${one ?? 'missing'} | Linux: ${other ?? 'missing'}`);
    else if (path !== '2e' && mine.times.get(path) !== theirs.times.get(path)) {
      lines.push(`${text(path)}: time ${mine.times.get(path)} | Linux: ${theirs.times.get(path)}`);
    }
  }
  return lines;
}
