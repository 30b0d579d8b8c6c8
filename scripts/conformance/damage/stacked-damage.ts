/**
 * Stacks in files that are cut short: GPT, LUKS2, LVM2 and ext4 on each other, half an md mirror, btrfs, BitLocker, Android's
 * super and more, each as every format and compression that these tools make of it, cut at ten places, read with
 * `--on-error continue` and without.
 *
 * Half is never the whole: what was cut gives the same tar or an error, never another tar and success.
 *
 *   node scripts/conformance/damage/stacked-damage.ts [--cuts N] [--only NAME,…] [--wraps NAME,…]
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from '../../../cli/engine.ts';
import { explain } from '../../../cli/explain.ts';
import { openDiskFile } from '../../../cli/input/disk.ts';
import type { MountRequest } from '../../../src/image/mounted-image.ts';
import { sparseDevice } from '../../../test/fixtures/sparse-device.ts';
import { root } from '../../pins.ts';
import { madeSuper } from './made-super.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    wraps: { type: 'string', default: '' },
  },
});
const cuts = Number(values.cuts);

const unlock = { secrets: [new TextEncoder().encode('correct horse')] };
/** One of two logical partitions. */
const SUPER = 'super';
const stacks: readonly (readonly [fixture: string, request: Omit<MountRequest, 'evenIfCut'>])[] = [
  ['stacks/gpt-luks-lvm', { partition: 'vg/root', unlock }],
  ['stacks/luks2', { unlock }],
  ['stacks/luks2-integrity', { unlock }],
  ['stacks/lvm', { partition: 'vg/root' }],
  ['stacks/lvm-thin', { partition: 'vg/thin' }],
  ['stacks/md-raid1-0', {}],
  ['stacks/md-stale-1', {}],
  ['btrfs', {}],
  ['disk-gpt', {}],
  ['stacks/bitlocker', { unlock: { secrets: [new TextEncoder().encode('anaconda')] } }],
  [SUPER, {}],
];

/** From IN to OUT. */
const wraps: Readonly<Record<string, string>> = {
  raw: 'cp IN OUT',
  qcow2: 'qemu-img convert -O qcow2 IN OUT',
  'qcow2-packed': 'qemu-img convert -c -O qcow2 IN OUT',
  vmdk: 'qemu-img convert -O vmdk IN OUT',
  'vmdk-stream': 'qemu-img convert -O vmdk -o subformat=streamOptimized IN OUT',
  vhd: 'qemu-img convert -O vpc -o force_size=on IN OUT',
  vhdx: 'qemu-img convert -O vhdx IN OUT',
  vdi: 'qemu-img convert -O vdi IN OUT',
  gz: 'gzip -c IN > OUT',
  zst: 'zstd -qc IN > OUT',
  xz: 'xz -c IN > OUT',
  bz2: 'bzip2 -c IN > OUT',
  zip: '(cd DIR; rm -f OUT.zip; zip -q OUT.zip IN; mv OUT.zip OUT)',
  '7z': '(cd DIR; rm -f OUT.7z; 7z a -bd OUT.7z IN > /dev/null; mv OUT.7z OUT)',
  tar: 'tar -C DIR -cf OUT disk.raw',
};

const work = mkdtempSync(join(tmpdir(), 'lkl-stacked-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const [raw, packed, cut] = ['disk.raw', 'packed', 'cut'].map((name) => join(work, name)) as [string, string, string];

const deviceOf = (fixture: string) =>
  sparseDevice(execFileSync('xz', ['-dc', join(root, 'test/fixtures', `${fixture}.img.xz`)], { maxBuffer: 1 << 30 }));

function bytesOf(fixture: string): Uint8Array {
  const device = deviceOf(fixture);
  const bytes = new Uint8Array(device.sectors * 512);
  device.read(0, bytes);
  return bytes;
}

function unpack(fixture: string): void {
  if (fixture === SUPER) {
    writeFileSync(raw, madeSuper({ system_a: bytesOf('ext4-features'), vendor_a: bytesOf('erofs-deflate') }));
    return;
  }
  const device = deviceOf(fixture);
  const fd = openSync(raw, 'w');
  const piece = new Uint8Array(1 << 20);
  for (let sector = 0; sector < device.sectors; sector += piece.length / 512) {
    const part = piece.subarray(0, Math.min(piece.length, (device.sectors - sector) * 512));
    device.read(sector, part);
    if (part.some((byte) => byte !== 0)) writeSync(fd, part, 0, part.length, sector * 512);
  }
  ftruncateSync(fd, device.sectors * 512);
  closeSync(fd);
}

interface Result {
  readonly sum?: string;
  readonly errors?: number;
  readonly refused?: string;
}

const engine = await openEngine();

async function read(path: string, wrap: string, fixture: string, request: MountRequest): Promise<Result> {
  const hash = createHash('sha256');
  const member = fixture === SUPER ? 'system_a' : wrap === 'tar' ? 'disk.raw' : undefined;
  try {
    const disk = await openDiskFile(path, member === undefined ? {} : { member }, undefined, () => {});
    const { errorCount } = await engine.fs2tar(
      disk.device,
      { ...request, onError: request.evenIfCut ? 'continue' : 'stop', reused: true },
      (chunk) => void hash.update(chunk),
    );
    return { sum: hash.digest('hex'), errors: errorCount };
  } catch (cause) {
    const { kind, message } = explain(cause);
    return { refused: `${kind}: ${message}` };
  }
}

const totals: Record<'stop' | 'continue', Record<string, number>> = { stop: {}, continue: {} };
/** With numbers taken out, and how often each was said. */
const words = new Map<string, number>();
let failed = false;
for (const [fixture, request] of stacks) {
  if (values.only !== '' && !values.only.split(',').includes(fixture)) continue;
  unpack(fixture);
  for (const [wrap, command] of Object.entries(wraps)) {
    if (values.wraps !== '' && !values.wraps.split(',').includes(wrap)) continue;
    // One name chooses one thing: what is in the tar.
    if (fixture === SUPER && wrap === 'tar') continue;
    const line = command.replaceAll('IN', raw).replaceAll('OUT', packed).replaceAll('DIR', work);
    execFileSync('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'inherit'] });
    // Of BitLocker's fixture no more than the beginning is kept: whole it is what can be read of it.
    const evenIfCut = fixture === 'stacks/bitlocker';
    const whole = await read(packed, wrap, fixture, { ...request, evenIfCut });
    if (whole.sum === undefined || (whole.errors !== 0 && !evenIfCut))
      throw new Error(`${fixture} ${wrap}: whole, it gives ${whole.refused}`);
    const bytes = readFileSync(packed);
    for (let number = 0; number < cuts; number += 1) {
      const at = Math.max(1, Math.floor(((number + 0.9) * statSync(packed).size) / cuts) - 1);
      writeFileSync(cut, bytes.subarray(0, at));
      for (const evenIfCut of [false, true]) {
        const got = await read(cut, wrap, fixture, { ...request, evenIfCut });
        const how = judged(got, whole);
        const counts = totals[evenIfCut ? 'continue' : 'stop'];
        counts[how] = (counts[how] ?? 0) + 1;
        const said = got.refused?.replaceAll(/[\d,]*\d/g, 'N');
        if (said !== undefined) words.set(said, (words.get(said) ?? 0) + 1);
        if (!/^[A-Z]/.test(how)) continue;
        failed = true;
        console.log(
          `${fixture} ${wrap} cut at ${at} of ${bytes.length}, ${evenIfCut ? 'continue' : 'stop'}: ${how} ${got.refused ?? ''}`,
        );
      }
    }
  }
  console.log(fixture, JSON.stringify(totals));
}
for (const [said, count] of [...words].sort(([, a], [, b]) => b - a)) console.log(`${count} × ${said}`);
process.exit(failed ? 1 : 0);

function judged({ sum, errors = 0, refused }: Result, whole: Result): string {
  // The command's own faults and those of the machine are no words about an image.
  if (refused !== undefined) return /^(image|usage)/.test(refused) ? 'refused' : 'UNNAMED';
  if (errors > 0) return 'a tar with errors';
  return sum === whole.sum ? 'the same tar' : 'ANOTHER tar, no error';
}
