/**
 * Damage to what wraps a disk: files of every format and compression, and archives, cut short at thirty places, with single bits
 * turned over, with ranges zeroed. Read to the end, as every command does, each must end with an error of ours or with bytes.
 *
 * Half is never the whole: what was cut gives the same bytes or an error, never others and never fewer. Of formats with sums
 * (`summed`) the same goes for bits and zeros; others cannot know, and their differences are only counted.
 *
 *   node scripts/conformance/damage/wrapped-damage.ts [--rounds N] [--seed N] [--only NAME,…]
 *
 * The formats' fixtures, and what these tools make of one of them: gzip bzip2 xz zstd lz4 lzma lzop zip 7z bgzip.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDiskFile } from '../../../cli/input/disk.ts';
import { ProblemError } from '../../../src/errors/problem.ts';
import { ImageFileError } from '../../../src/node/files/image-file-error.ts';
import { StorageError } from '../../../src/storage/errors.ts';
import { root } from '../../pins.ts';
import { random } from '../repeatable.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);

interface Wrapped {
  readonly name: string;
  /** The first is opened; it is the one that is damaged. */
  readonly files: readonly string[];
  readonly options: { readonly member?: string; readonly state?: string; readonly format?: string };
  readonly summed: boolean;
}

/** Formats whose data have sums that whoever reads them checks. */
const SUMMED = /\.(gz|bz2|xz|zst|lz4|lzo|zip|7z|e01|E01|bgz)$/;

const work = mkdtempSync(join(tmpdir(), 'lkl-wrapped-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const unpacked = (folder: string) => {
  for (const file of readdirSync(join(root, 'test/fixtures', folder))) {
    if (!file.endsWith('.xz')) continue;
    const bytes = execFileSync('xz', ['-dc', join(root, 'test/fixtures', folder, file)], { maxBuffer: 1 << 30 });
    writeFileSync(join(work, file.slice(0, -3)), bytes);
  }
};
unpacked('formats');
unpacked('archives');

interface Row {
  readonly name: string;
  readonly files: readonly string[];
  readonly options?: { readonly member?: string; readonly snapshot?: string };
}
const table = JSON.parse(readFileSync(join(root, 'test/fixtures/formats/formats.json'), 'utf8')) as readonly Row[];
const wrapped: Wrapped[] = table.map(({ name, files, options: { member, snapshot } = {} }) => ({
  name,
  files,
  options: { ...(member !== undefined && { member }), ...(snapshot !== undefined && { state: snapshot }) },
  summed: SUMMED.test(files[0] ?? ''),
}));
const archives = readdirSync(join(root, 'test/fixtures/archives')).flatMap((file) =>
  file.endsWith('.xz') ? [file.slice(0, -3)] : [],
);
for (const file of archives) wrapped.push({ name: file, files: [file], options: {}, summed: false });

/** Of some MiB, sparse, noise and text. */
const data = join(work, 'disk.raw');
writeFileSync(data, await bytesOf(join(work, 'v3.qcow2')));
const made: Readonly<Record<string, string>> = {
  gz: `gzip -c ${data}`,
  'two.gz': `(head -c 1000000 ${data} | gzip -c; tail -c +1000001 ${data} | gzip -c)`,
  bgz: `bgzip -c ${data}`,
  bz2: `bzip2 -c ${data}`,
  xz: `xz -c ${data}`,
  'blocks.xz': `xz -c -T2 --block-size=262144 ${data}`,
  zst: `zstd -qc ${data}`,
  'frames.zst': `(head -c 1000000 ${data} | zstd -qc; tail -c +1000001 ${data} | zstd -qc)`,
  lz4: `lz4 -qc ${data}`,
  lzma: `lzma -c ${data}`,
  lzo: `lzop -qc ${data}`,
  zip: `(cd ${work}; zip -q made.zip disk.raw; cat made.zip)`,
  'stored.zip': `(cd ${work}; zip -q0 stored.zip disk.raw; cat stored.zip)`,
  '7z': `(cd ${work}; 7z a -bd made.7z disk.raw >/dev/null; cat made.7z)`,
};
for (const [ending, command] of Object.entries(made)) {
  const name = `made.${ending}`;
  try {
    const bytes = execFileSync('sh', ['-c', command], { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] });
    writeFileSync(join(work, name), bytes);
    wrapped.push({ name, files: [name], options: {}, summed: SUMMED.test(name) });
  } catch {
    console.log(`${name}: the tool is not there`);
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const { content } = await openDiskFile(path);
  const bytes = new Uint8Array(content.sizeBytes);
  await content.read(0, bytes);
  return bytes;
}

type Result =
  | { readonly sum: string; readonly bytes: number; readonly cut: boolean; readonly format: string }
  | { readonly error: string };

async function read(path: string, options: Wrapped['options']): Promise<Result> {
  try {
    const disk = await openDiskFile(path, options);
    const hash = createHash('sha256');
    const piece = new Uint8Array(1 << 18);
    const { sizeBytes } = disk.content;
    // A damaged size may be exabytes.
    if (sizeBytes > 1 << 30) return { error: 'a size beyond 1 GiB' };
    for (let at = 0; at < sizeBytes; at += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, sizeBytes - at));
      await disk.content.read(at, part);
      hash.update(part);
    }
    return { sum: hash.digest('hex'), bytes: sizeBytes, cut: disk.device.cut !== undefined, format: disk.format };
  } catch (cause) {
    if (cause instanceof ProblemError || cause instanceof StorageError || cause instanceof ImageFileError)
      return { error: cause.name };
    return { error: `UNNAMED ${cause instanceof Error ? cause.stack : cause}` };
  }
}

const kinds: Readonly<Record<string, (bytes: Buffer, round: number) => Buffer>> = {
  cuts: (bytes, round) => {
    const pick = random(round * 7919 + Number(values.seed));
    const at = Math.floor((round * bytes.length) / rounds);
    return bytes.subarray(0, Math.min(bytes.length - 1, at + pick(Math.max(1, Math.floor(bytes.length / rounds)))));
  },
  flips: (bytes, round) => {
    const pick = random(round * 7919 + Number(values.seed) + 1);
    const copy = Buffer.from(bytes);
    // Half of them where headers and tables are.
    const at = round % 2 === 0 ? pick(Math.min(4096, copy.length)) : pick(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << pick(8));
    return copy;
  },
  zeros: (bytes, round) => {
    const pick = random(round * 7919 + Number(values.seed) + 2);
    const copy = Buffer.from(bytes);
    const at = pick(copy.length);
    return copy.fill(0, at, Math.min(copy.length, at + (512 << pick(8))));
  },
};

const target = join(work, 'damaged');
const totals: Record<string, Record<string, number>> = {};
let failed = false;
for (const { name, files, options, summed } of wrapped) {
  if (values.only !== '' && !values.only.split(',').includes(name)) continue;
  const [own = ''] = files;
  const whole = await read(join(work, own), options);
  if ('error' in whole) {
    console.log(`${name}: whole, it gives ${whole.error}`);
    continue;
  }
  const bytes = readFileSync(join(work, own));
  // Its neighbours lie beside it, by their own names.
  const folder = join(target, name.replaceAll('/', '_'));
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(work)) {
    if (file !== 'damaged' && file !== own && files.includes(file))
      writeFileSync(join(folder, file), readFileSync(join(work, file)));
  }
  for (const [kind, damage] of Object.entries(kinds)) {
    totals[kind] ??= {};
    for (let round = 0; round < rounds; round += 1) {
      const changed = damage(bytes, round);
      const path = join(folder, own);
      writeFileSync(path, changed);
      const got = await read(path, options);
      const how = judged(got, whole, kind === 'cuts' || summed, sumOf(changed));
      (totals[kind] as Record<string, number>)[how] = ((totals[kind] as Record<string, number>)[how] ?? 0) + 1;
      if (/^(OTHER|FEWER|UNNAMED)/.test(how)) {
        failed = true;
        console.log(
          `${name} ${kind} ${round} (${changed.length} of ${bytes.length} bytes): ${how}${'error' in got ? ` ${got.error}` : ''}`,
        );
      }
    }
  }
}
console.log(totals);
process.exit(failed ? 1 : 0);

function judged(got: Result, whole: Result, strict: boolean, own: string): string {
  if ('error' in got) return got.error.startsWith('UNNAMED') ? 'UNNAMED' : 'an error';
  if ('error' in whole || got.sum === whole.sum) return 'the same bytes';
  if (got.cut) return 'known to be cut';
  // What is not known any more for what it was is a disk with nothing on it.
  if (got.format === 'raw' && got.sum === own) return 'its own bytes: no file system';
  if (strict) return got.bytes < whole.bytes ? 'FEWER bytes, no error' : 'OTHER bytes, no error';
  return 'other bytes: no sums';
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
