/** One program to its end, on a kernel of its own, with images as its disks: what `lkl run` does. */

import { exceptionOf } from '../../errors/exception.ts';
import type { ClockPolicy } from '../../kernel/host.ts';
import { seededHost } from '../../kernel/snapshot/seed.ts';
import { nodeChunks } from '../../node/chunks.ts';
import { nodeHost } from '../../node/host.ts';
import { type BlockDevice, sizeOf } from '../../storage/block-device.ts';
import { overlay } from '../../storage/layers/overlay.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { rawDevice } from '../../storage/raw-device.ts';
import { type OrderedDisk, runOrder } from '../../tools/program-order.ts';
import { Workshop } from '../../tools/workshop.ts';
import { type Engine, linuxOf } from '../engine.ts';
import { type ImageSource, type OpenedSource, openSource } from '../open/source.ts';
import { openToWrite } from '../write/source.ts';
import { type Programs, toolboxOf } from './modules.ts';
import { type ProgramOptions, type ProgramResult, withStreams } from './streams.ts';

/** /dev/vda, vdb … in the order given. */
export interface ProgramDisk {
  readonly image: ImageSource;
  /** It is written where it lies, as `openImage` would. Default: what is written is in memory, and gone afterwards. */
  readonly writable?: boolean | undefined;
  /** Nothing can be written at all. */
  readonly readOnly?: boolean | undefined;
  /** Where it is mounted while the program runs; directories that are not there are made. Default: it is plugged in only. */
  readonly at?: string | undefined;
  readonly partition?: number | string | undefined;
  readonly type?: string | undefined;
  readonly options?: string | undefined;
}

export interface RunProgramOptions extends ProgramOptions {
  readonly programs?: Programs | undefined;
  readonly disks?: readonly ProgramDisk[] | undefined;
  /** Files that are there when it begins, by their paths: text, or bytes. */
  readonly files?: Readonly<Record<string, string | Uint8Array>> | undefined;
  /** Paths of files that the result has. */
  readonly fetch?: readonly string[] | undefined;
  /** MiB of the kernel, whose page cache holds what is written. Default: 112. */
  readonly memoryMib?: number | undefined;
  /** MiB that all its programs may have together. Default: 512. */
  readonly programMemoryMib?: number | undefined;
  /** `virtual` (the default): idle time is jumped over. */
  readonly clock?: ClockPolicy | undefined;
  /** Decides everything random, and the date: the same input gives the same output, and the same bytes on disks. */
  readonly seed?: string | undefined;
  /** Default: none. */
  readonly deadlineMs?: number | undefined;
  readonly engine?: Engine | undefined;
}

export interface RunProgramResult extends ProgramResult {
  /** Those of `fetch`, as the program left them; one that is not there has none. */
  readonly files: Readonly<Record<string, Buffer>>;
}

const KERNEL_MIB = 112;
const PROGRAMS_MIB = 512;
const OVERLAY_MIB = 256;
const MIB = 2 ** 20;
/** The longest that a timer can be set to: 24 days. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/**
 * A program of one's own (`programs`) or one of Linux's tools (package lkl-linux-tools), to its end. What it wrote to disks that are
 * `writable` is on them, and flushed, when this settles. One that fails is a result with its exit code; rejects when it cannot run at all.
 *
 * @example
 * ```ts
 * const { exitCode, stdout } = await runProgram(['mine', '/dev/vda'], {
 *   programs: { mine: 'mine.wasm' },
 *   disks: [{ image: 'disk.img' }],
 * });
 * ```
 */
export async function runProgram(argv: readonly string[], options: RunProgramOptions = {}): Promise<RunProgramResult> {
  const { memoryMib = KERNEL_MIB, programMemoryMib = PROGRAMS_MIB, clock = 'virtual', seed } = options;
  const opened: OpenedSource[] = [];
  try {
    options.signal?.throwIfAborted();
    const toolbox = toolboxOf(options.programs ?? {});
    const disks: OrderedDisk[] = [];
    for (const disk of options.disks ?? []) disks.push(await orderedDisk(disk, opened));
    const linux = await linuxOf(options.engine);
    const host = seed === undefined ? nodeHost : seededHost(nodeHost, seed);
    const kernel = await linux.newKernel({ host, memoryMib, programMib: programMemoryMib, clock });
    try {
      const shop = await Workshop.open(kernel, toolbox, programMemoryMib * MIB);
      const files: Record<string, Buffer> = {};
      const result = await withStreams(options, async ({ streams, env, cwd, started }) => {
        const order = {
          argv,
          env,
          cwd,
          disks,
          files: Object.entries(options.files ?? {}).map(([path, content]) => ({ path, bytes: Buffer.from(content) })),
          fetch: options.fetch ?? [],
          fetchedBytes: Number.MAX_SAFE_INTEGER,
          deadlineMs: options.deadlineMs ?? NO_DEADLINE_MS,
          started,
        };
        const report = await runOrder(shop, order, streams, nodeHost);
        for (const { path, bytes } of report.files) if (bytes) files[path] = Buffer.from(bytes);
        return report;
      });
      return { ...result, files };
    } finally {
      kernel.kill();
    }
  } catch (cause) {
    throw exceptionOf(cause);
  } finally {
    for (const { close } of opened.splice(0)) await close();
  }
}

async function orderedDisk(disk: ProgramDisk, opened: OpenedSource[]): Promise<OrderedDisk> {
  const { at, partition, type, options, readOnly = false } = disk;
  const device = await deviceOf(disk, opened);
  return at === undefined ? { device } : { device, mount: { at, partition, type, options, readOnly } };
}

async function deviceOf(
  { image, writable = false, readOnly = false }: ProgramDisk,
  opened: OpenedSource[],
): Promise<BlockDevice> {
  if (writable && !readOnly) {
    const there = await openToWrite(image);
    opened.push(there);
    return 'sectors' in there.source ? there.source : rawDevice(there.source);
  }
  const there = await openSource(image);
  opened.push(there);
  const { source, unpack, files } = there;
  const device = 'sectors' in source ? source : (await openDisk(source, { unpack, chunks: nodeChunks, files })).device;
  return readOnly ? { ...sizeOf(device), read: device.read.bind(device) } : overlay(device, { limitMib: OVERLAY_MIB });
}
