/** Runs one program as it was ordered: disks plugged in and mounted, files laid out and fetched, its time bounded. */

import { programEnd } from '../batch/program-end.ts';
import { concat } from '../bytes/concat.ts';
import { HostError } from '../errors/host-error.ts';
import type { MountRequest } from '../image/mounted-image.ts';
import { KernelDead } from '../kernel/errors.ts';
import type { Host } from '../kernel/host.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { ProgramEnd, RunningProgram } from '../kernel/program/run/run.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import { openPath } from '../tree/files.ts';
import { saveFile } from '../tree/save-file.ts';
import type { Streams, Workshop } from './workshop.ts';

/** A disk of the run: /dev/vda, /dev/vdb … in their order. */
export interface OrderedDisk {
  readonly device: BlockDevice;
  /** Mounted there while the program runs; absent: it is plugged in only. */
  readonly mount?: MountRequest & { readonly at: string; readonly readOnly: boolean };
}

export interface OrderedFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode?: number | undefined;
}

export interface ProgramOrder {
  readonly argv: readonly string[];
  /** `NAME=value`, before those that every program has. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly disks: readonly OrderedDisk[];
  /** There when it begins. */
  readonly files: readonly OrderedFile[];
  /** Paths of files that are fetched when it has ended. */
  readonly fetch: readonly string[];
  /** Milliseconds by the host's clock, for all of it. */
  readonly deadlineMs: number;
  /** Bytes that all fetched files may have together. */
  readonly fetchedBytes: number;
  readonly started?: ((program: RunningProgram) => void) | undefined;
}

/** A file as the program left it, or why there is none. */
export interface FetchedFile {
  readonly path: string;
  readonly bytes?: Uint8Array;
  readonly errno?: string;
}

export interface ProgramReport extends ProgramEnd {
  readonly files: readonly FetchedFile[];
  /** How far the kernel's clock went while it ran. */
  readonly clockNs: number;
}

/**
 * What it wrote is on the disks when this settles, and nothing is mounted. Rejects when it could not begin, when it ended its
 * kernel, when it took too long, and when a disk did not take what was written: then nothing of what is on them counts.
 */
export async function runOrder(
  shop: Workshop,
  order: ProgramOrder,
  streams: Streams,
  host: Pick<Host, 'timer'>,
): Promise<ProgramReport> {
  const { deadlineMs } = order;
  const { kernel } = shop;
  const cancel = host.timer(deadlineMs, () => kernel.kill('deadline', `not done after ${deadlineMs} ms`));
  try {
    return await carriedOut(shop, order, streams);
  } catch (cause) {
    throw endOf(cause);
  } finally {
    cancel();
  }
}

/** The end of a kernel that a program of somebody else ran on is the program's, and so is what fills its memory. */
export function endOf(cause: unknown): unknown {
  if (cause instanceof KernelError && cause.errno === 'ENOMEM')
    return new HostError('program-oom', `no memory of the kernel is left: ${cause.message}`, { cause });
  if (!(cause instanceof KernelDead)) return cause;
  return new HostError(programEnd(cause), cause.message, { members: { console: cause.console }, cause });
}

async function carriedOut(shop: Workshop, order: ProgramOrder, streams: Streams): Promise<ProgramReport> {
  const { argv, env, cwd, disks, files, fetch, started } = order;
  const { kernel } = shop;
  const mounted: string[] = [];
  for (const { device, mount } of disks) {
    const path = await shop.attach(device);
    if (!mount) continue;
    await shop.mount(path, mount);
    mounted.push(mount.at);
  }
  for (const file of files) await layOut(shop, file);
  const startNs = kernel.engine.clock.nowNs;
  const end = await shop.run(argv, streams, { env, cwd, ...(started && { started }) });
  const clockNs = kernel.engine.clock.nowNs - startNs;
  const fetched: FetchedFile[] = [];
  let left = order.fetchedBytes;
  for (const path of fetch) {
    const file = await fetchFile(shop, path, left);
    left -= file.bytes?.length ?? 0;
    fetched.push(file);
  }
  for (const at of mounted.toReversed()) await shop.umount(at);
  await shop.commit();
  return { ...end, files: fetched, clockNs };
}

const relative = (path: string): Uint8Array => new TextEncoder().encode(path.replace(/^\/+/, ''));

async function layOut({ kernel }: Workshop, { path, bytes, mode }: OrderedFile): Promise<void> {
  async function* content() {
    yield bytes;
  }
  const growableBytes = () => kernel.engine.memoryLimit - kernel.memoryBytes;
  await saveFile(kernel.init, { path: relative(path), mode, bytes: content(), growableBytes });
}

async function fetchFile({ kernel }: Workshop, path: string, mostBytes: number): Promise<FetchedFile> {
  try {
    const opened = await openPath(kernel.init, '/', relative(path));
    try {
      if (opened.type === 'directory') return { path, errno: 'EISDIR' };
      const pieces: Uint8Array[] = [];
      let length = 0;
      await opened.readAll((piece) => {
        length += piece.length;
        if (length > mostBytes) throw new HostError('output-too-large', `${path} is larger than what fits the answer`);
        pieces.push(piece.slice());
      });
      return { path, bytes: concat(pieces) };
    } finally {
      await opened.close();
    }
  } catch (cause) {
    if (cause instanceof KernelError) return { path, errno: cause.errno ?? `errno ${cause.number}` };
    throw cause;
  }
}
