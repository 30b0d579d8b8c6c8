/** `lkl convert -O`: the disk in an image of any format in one of the formats that are made, with its zeros as holes. */

import { ftruncateSync, statSync, writeSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { HostError } from '../../src/errors/host-error.ts';
import { type WritableFile, writableFile } from '../../src/node/files/writable-file.ts';
import type { ByteSource } from '../../src/storage/byte-source.ts';
import type { MadeFormat } from '../../src/storage/formats/make/made-formats.ts';
import { type MakeOptions, makers } from '../../src/storage/formats/make/makers.ts';
import { isVhdxBlock } from '../../src/storage/formats/vhdx/make.ts';
import { sourceStream } from '../../src/storage/sources/source-stream.ts';
import { Failure, reasonOf } from '../failure.ts';
import { openDiskFile } from '../input/disk.ts';
import type { DiskOptions } from '../options.ts';
import { openOutput } from '../output/output.ts';
import { partialFile } from '../output/partial-file.ts';
import { showProgress } from '../output/progress.ts';
import { turns } from '../output/sink.ts';

export interface ConvertDiskOptions extends Pick<DiskOptions, 'format' | 'member' | 'state' | 'evenIfCut'> {
  readonly to: MadeFormat;
  /** Of a VHDX. */
  readonly blockSize?: number;
  readonly force?: true;
  readonly quiet?: true;
}

/** What was at `target` is replaced once all is there; `-` is standard output, a block device is written where it lies. */
export async function convertDisk(from: string, target: string, options: ConvertDiskOptions): Promise<void> {
  const { to, quiet, blockSize } = options;
  if (blockSize !== undefined) checkBlock(to, blockSize);
  const kind = target === '-' ? undefined : mayBeMade(from, target, options);
  const counts = { bytesRead: undefined as number | undefined, bytesWritten: 0, entries: 1 };
  const line = await showProgress(quiet === true, () => counts);
  try {
    const disk = await openDiskFile(from, options, (bytes) => {
      counts.bytesRead = bytes;
      line.tick();
    });
    if (disk.device.cut !== undefined && !options.evenIfCut) throw new HostError('image-cut', disk.device.cut);
    const breathe = turns();
    const progress = (at: number) => {
      counts.bytesWritten = at;
      line.tick();
      return breathe();
    };
    const make = { deflate: deflateSync, progress, ...(blockSize !== undefined && { blockBytes: blockSize }) };
    const work: Work = { content: disk.content, to, make, progress, check: () => disk.checkUnchanged() };
    if (target === '-') await toStream(work);
    else if (kind === 'device') await ontoDevice(work, target);
    else if (kind === 'other') await toStream(work, target);
    else await toFile(work, target);
    line.done();
  } finally {
    line.stop();
  }
}

function checkBlock(to: MadeFormat, bytes: number): void {
  if (to !== 'vhdx') throw new Failure('usage', '--block-size is of a VHDX: -O vhdx');
  if (!isVhdxBlock(bytes)) throw new Failure('usage', '--block-size: 1M, 2M, 4M … 256M');
}

interface Work {
  readonly content: ByteSource;
  readonly to: MadeFormat;
  readonly make: MakeOptions;
  /** How far it is; now and then a promise, for a turn of the event loop in which signals are heard. */
  readonly progress: (atBytes: number) => void | Promise<void>;
  /** Throws where the source has changed meanwhile. */
  readonly check: () => void;
}

function mayBeMade(from: string, target: string, { to, force }: ConvertDiskOptions): 'file' | 'device' | 'other' {
  const there = statSync(target, { throwIfNoEntry: false });
  if (!there) return 'file';
  const source = from === '-' ? undefined : statSync(from, { throwIfNoEntry: false });
  if (source && source.dev === there.dev && source.ino === there.ino)
    throw new Failure('usage', `${target} is what is read: name another file`);
  if (there.isDirectory()) throw new Failure('usage', `${target} is a directory`);
  if (there.isBlockDevice()) {
    if (!force) throw new Failure('usage', `${target} is a block device: --force writes over it`);
    if (to !== 'raw') throw new Failure('usage', `${target} is a block device, which is written as it is: -O raw`);
    return 'device';
  }
  if (!there.isFile()) return 'other';
  if (there.size > 0 && !force) throw new Failure('usage', `${target} is there already: --force makes it anew`);
  // Whoever has it mounted keeps it.
  if (there.size > 0) writableFile(target).close();
  return 'file';
}

async function toFile({ content, to, make, check }: Work, target: string): Promise<void> {
  const written = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw new Failure('failed', `${target} cannot be written: ${reasonOf(cause)}`);
    }
  };
  const file = written(() => partialFile(target));
  try {
    const write = (at: number, bytes: Uint8Array) => written(() => writeAll(file.fd, at, bytes));
    const length = await makers[to].toFile(content, write, make);
    written(() => ftruncateSync(file.fd, length));
    check();
    written(() => file.commit());
  } finally {
    file.discard();
  }
}

function writeAll(fd: number, at: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/** Every byte is written: what was there before is not zeros. */
async function ontoDevice({ content, progress, check }: Work, target: string): Promise<void> {
  const device: WritableFile = writableFile(target);
  try {
    if (device.sizeBytes < content.sizeBytes) {
      const [has, wants] = [device.sizeBytes, content.sizeBytes].map((bytes) => bytes.toLocaleString('en'));
      throw new Failure('usage', `${target} has ${has} bytes, the disk has ${wants}`);
    }
    for await (const { at, bytes } of sourceStream(content)) {
      device.write(at, bytes);
      await progress(at + bytes.length);
    }
    check();
    await device.flush();
  } finally {
    device.close();
  }
}

async function toStream({ content, to, make, check }: Work, target?: string): Promise<void> {
  const output = openOutput(target, 'a disk image');
  const stream = await makers[to].stream(content, make);
  const sink = output.open();
  await stream.writeTo((bytes) => sink.write(bytes));
  check();
  await sink.end();
  output.commit();
}
