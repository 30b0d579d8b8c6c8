/**
 * Conformance: disks in every format and with every option that qemu-img has, written to at random by qemu-io; ours against
 * `qemu-img convert -O raw`, byte for byte.
 *
 *   node scripts/conformance/formats.ts [--seed N] [--rounds N] [--only qcow2]      Debian: qemu-utils
 *
 * One line for each: how many images, how many bytes were compared, how many differ.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileSource } from '../../src/node/files/file-source.ts';
import { type OpenedDisk, openDisk } from '../../src/storage/open-disk.ts';
import { seededRandom } from '../../test/fakes/block-devices.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
});

interface Row {
  readonly driver: string;
  readonly options: string;
  /** qemu-io cannot write to it once it is made: it is converted from what was written. */
  readonly converted?: readonly string[];
  /** Each round builds on a file with what the round before wrote. */
  readonly chain?: boolean;
}

const rows: readonly Row[] = [
  ...['compat=0.10', 'compat=1.1', 'cluster_size=512', 'cluster_size=2M', 'lazy_refcounts=on', 'refcount_bits=1'].map(
    (options) => ({ driver: 'qcow2', options }),
  ),
  ...['extended_l2=on', 'extended_l2=on,cluster_size=16k', 'preallocation=metadata', 'preallocation=full'].map(
    (options) => ({ driver: 'qcow2', options }),
  ),
  { driver: 'qcow2', options: 'data_file=data.bin' },
  { driver: 'qcow2', options: 'data_file=data.bin,data_file_raw=on' },
  ...['compression_type=zlib', 'compression_type=zstd', 'compression_type=zstd,cluster_size=4k'].map((options) => ({
    driver: 'qcow2',
    options,
    converted: ['-c'],
  })),
  { driver: 'qcow2', options: 'compression_type=zlib,extended_l2=on', converted: ['-c'] },
  { driver: 'qcow2', options: 'compat=1.1', chain: true },
  { driver: 'qcow2', options: 'extended_l2=on', chain: true },
  ...['monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'].map((subformat) => ({
    driver: 'vmdk',
    options: `subformat=${subformat}`,
  })),
  { driver: 'vmdk', options: 'subformat=monolithicSparse,zeroed_grain=on' },
  { driver: 'vmdk', options: 'subformat=streamOptimized', converted: [] },
  { driver: 'vmdk', options: 'subformat=monolithicSparse', chain: true },
  ...['subformat=dynamic', 'subformat=fixed', 'subformat=dynamic,force_size=on', 'subformat=fixed,force_size=on'].map(
    (options) => ({ driver: 'vpc', options }),
  ),
  ...['subformat=dynamic', 'subformat=fixed', 'block_size=1M', 'log_size=2M,block_size=2M', 'block_state_zero=off'].map(
    (options) => ({ driver: 'vhdx', options }),
  ),
  { driver: 'vdi', options: 'static=off' },
  { driver: 'vdi', options: 'static=on' },
  { driver: 'parallels', options: 'cluster_size=64k' },
  { driver: 'parallels', options: 'cluster_size=1M' },
];

const MIB = 2 ** 20;
const SIZES = [3 * MIB + 1536, 20 * MIB, 67 * MIB + 512];
const COMMANDS = 25;
/** Beyond what an image needs, as `qemu-io` counts. */
const MAX_WRITE_BYTES = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'lkl-formats-'));
const qemu = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: folder, stdio: 'pipe' });
const random = seededRandom(Number(values.seed));

/** Writes, zeros and discards, at odd places. */
function writes(sizeBytes: number): string[] {
  return Array.from({ length: COMMANDS }, () => {
    const length = Math.min(512 * (1 + random(random(3) === 0 ? MAX_WRITE_BYTES / 512 : 16)), sizeBytes);
    const at = 512 * random(Math.floor((sizeBytes - length) / 512) + 1);
    const kind = ['write -z', 'discard', 'write', 'write', 'write', 'write'][random(6)];
    return `${kind === 'write' ? `write -P ${1 + random(255)}` : kind} ${at} ${length}`;
  });
}

const written = (file: string, driver: string, sizeBytes: number) => {
  const commands = writes(sizeBytes).flatMap((command) => ['-c', command]);
  qemu('qemu-io', '-d', 'unmap', '-f', driver, ...commands, file);
};

/** The image's file name. */
function make({ driver, options, converted, chain }: Row, sizeBytes: number): string {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  const create = (...args: string[]) => qemu('qemu-img', 'create', '-q', '-f', driver, '-o', options, ...args);
  if (converted) {
    qemu('qemu-img', 'create', '-q', '-f', 'raw', 'written.raw', `${sizeBytes}`);
    written('written.raw', 'raw', sizeBytes);
    qemu('qemu-img', 'convert', '-f', 'raw', '-O', driver, ...converted, '-o', options, 'written.raw', 'disk.image');
    return 'disk.image';
  }
  create('disk.image', `${sizeBytes}`);
  written('disk.image', driver, sizeBytes);
  if (!chain) return 'disk.image';
  for (const [below, above] of [
    ['disk.image', 'middle.image'],
    ['middle.image', 'top.image'],
  ] as const) {
    create('-b', below, '-F', driver, above);
    written(above, driver, sizeBytes);
  }
  return 'top.image';
}

/** Bytes compared, or where the first that differs is. */
async function compare(
  file: string,
  driver: string,
): Promise<{ readonly bytes: number; readonly difference?: string }> {
  qemu('qemu-img', 'convert', '-f', driver, '-O', 'raw', file, 'expected.raw');
  const expected = fileSource(join(folder, 'expected.raw'));
  const opened = [fileSource(join(folder, file))];
  const disk = await openDisk(opened[0] as (typeof opened)[0], {
    files: (name) => {
      const path = join(folder, basename(name));
      if (!existsSync(path)) return undefined;
      const found = fileSource(path);
      opened.push(found);
      return found;
    },
  });
  try {
    return { bytes: disk.sizeBytes, ...(await differenceOf(disk, expected)) };
  } finally {
    await Promise.all([expected, ...opened].map((source) => source.close()));
  }
}

async function differenceOf({ content, sizeBytes }: OpenedDisk, expected: OpenedDisk['content']) {
  if (sizeBytes !== expected.sizeBytes) return { difference: `${sizeBytes} bytes, not ${expected.sizeBytes}` };
  for (let at = 0; at < sizeBytes; ) {
    const length = Math.min(sizeBytes - at, 1 + random(MIB));
    const [ours, theirs] = [Buffer.alloc(length), Buffer.alloc(length)];
    await content.read(at, ours);
    await expected.read(at, theirs);
    if (!ours.equals(theirs))
      return { difference: `at ${at + ours.findIndex((byte, index) => byte !== theirs[index])}` };
    at += length;
  }
  return {};
}

let failed = 0;
for (const row of rows.filter(({ driver }) => driver.includes(values.only))) {
  let [images, bytes] = [0, 0];
  const differences: string[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const sizeBytes = SIZES[round % SIZES.length] ?? MIB;
    try {
      const result = await compare(make(row, sizeBytes), row.driver);
      images += 1;
      bytes += result.bytes;
      if (result.difference !== undefined) differences.push(result.difference);
    } catch (cause) {
      differences.push(cause instanceof Error ? cause.message : String(cause));
    }
  }
  failed += differences.length;
  const name = `${row.driver} ${row.options}${row.chain ? ', a chain of three' : ''}${row.converted ? ', converted' : ''}`;
  console.log(`${name}: ${images} images, ${bytes} bytes, ${differences.length} differ`);
  for (const difference of differences) console.log(`  ${difference}`);
}
rmSync(folder, { recursive: true });
process.exitCode = failed > 0 ? 1 : 0;
