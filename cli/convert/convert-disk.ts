/** `lkl convert -O`: the disk in an image of any format as a raw image, a qcow2 or a VMDK, with its zeros as holes. */

import { ftruncateSync, statSync, writeSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { HostError } from '../../src/errors/host-error.ts';
import { type WritableFile, writableFile } from '../../src/node/files/writable-file.ts';
import type { ByteSource } from '../../src/storage/byte-source.ts';
import { qcow2ToFile, type WriteAt } from '../../src/storage/formats/qcow2/make/to-file.ts';
import { qcow2Stream } from '../../src/storage/formats/qcow2/make/to-stream.ts';
import { vmdkToFile } from '../../src/storage/formats/vmdk/make/to-file.ts';
import { vmdkStream } from '../../src/storage/formats/vmdk/make/to-stream.ts';
import { dataRuns } from '../../src/storage/sources/data-runs.ts';
import { openDiskFile } from '../disk.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { DiskOptions } from '../options.ts';
import { openOutput } from '../output/output.ts';
import { partialFile } from '../output/partial-file.ts';
import { showProgress } from '../output/progress.ts';
import { turns } from '../output/sink.ts';
import type { MadeFormat } from './made-formats.ts';
import { sourceStream } from './source-stream.ts';

export interface ConvertDiskOptions extends Pick<DiskOptions, 'format' | 'member' | 'state' | 'evenIfCut'> {
  readonly to: MadeFormat;
  readonly force?: true;
  readonly quiet?: true;
}

/** Holes of a raw image are so large or larger, as file systems have them. */
const BLOCK = 4096;

/** By the ending of a name; undefined: it does not tell. */
export function formatOfName(name: string): MadeFormat | undefined {
  if (/\.qcow2?$/i.test(name)) return 'qcow2';
  if (/\.vmdk$/i.test(name)) return 'vmdk';
  return /\.(raw|img)$/i.test(name) ? 'raw' : undefined;
}

/** What was at `target` is replaced once all is there; `-` is standard output, a block device is written where it lies. */
export async function convertDisk(from: string, target: string, options: ConvertDiskOptions): Promise<void> {
  const { to, quiet } = options;
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
    const work: Work = { content: disk.content, to, progress, check: () => disk.checkUnchanged() };
    if (target === '-') await toStream(work);
    else if (kind === 'device') await ontoDevice(work, target);
    else if (kind === 'other') await toStream(work, target);
    else await toFile(work, target);
    line.done();
  } finally {
    line.stop();
  }
}

interface Work {
  readonly content: ByteSource;
  readonly to: MadeFormat;
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

async function toFile({ content, to, progress, check }: Work, target: string): Promise<void> {
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
    const length = await makers[to](content, write, progress);
    written(() => ftruncateSync(file.fd, length));
    if (to === 'raw') {
      for await (const { at, bytes } of dataRuns(content, BLOCK)) {
        write(at, bytes);
        await progress(at + bytes.length);
      }
    }
    check();
    written(() => file.commit());
  } finally {
    file.discard();
  }
}

type Make = (content: ByteSource, write: WriteAt, progress: Work['progress']) => Promise<number> | number;

/** Each answers how long the file is; what of it is not written is a hole. */
const makers: Readonly<Record<MadeFormat, Make>> = {
  raw: ({ sizeBytes }) => sizeBytes,
  qcow2: qcow2ToFile,
  vmdk: vmdkToFile,
  async 'vmdk-stream'(content, write, progress) {
    let at = 0;
    const sink = async (bytes: Uint8Array) => {
      await write(at, bytes);
      at += bytes.length;
    };
    await vmdkStream(content, sink, { deflate: deflateSync, progress });
    return at;
  },
};

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

async function toStream({ content, to, progress, check }: Work, target?: string): Promise<void> {
  if (to === 'vmdk')
    throw new Failure('usage', 'a VMDK of this kind is written here and there: name a file, or -O vmdk-stream');
  const output = openOutput(target, 'a disk image');
  const sink = output.open();
  let sent = 0;
  const send = async (bytes: Uint8Array) => {
    await sink.write(bytes);
    sent += bytes.length;
    await progress(sent);
  };
  if (to === 'raw') for await (const { bytes } of sourceStream(content)) await send(bytes);
  else if (to === 'vmdk-stream') await vmdkStream(content, send, { deflate: deflateSync });
  else await (await qcow2Stream(content)).writeTo(send);
  check();
  await sink.end();
  output.commit();
}
