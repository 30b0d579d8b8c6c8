/** A workshop in this process: the engine's kernel with the tools, and files as its disks. */

import { HostError } from '../../src/errors/host-error.ts';
import type { ClockPolicy, Host } from '../../src/kernel/host.ts';
import { seededHost } from '../../src/kernel/snapshot/seed.ts';
import type { Linux } from '../../src/linux.ts';
import { nodeHost } from '../../src/node/host.ts';
import { nodeToolbox } from '../../src/node/toolbox.ts';
import { type OwnProgram, withOwnPrograms } from '../../src/tools/own-programs.ts';
import type { Toolbox } from '../../src/tools/toolbox.ts';
import { Workshop } from '../../src/tools/workshop.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';

/** A kernel has page cache for what it is asked to write at once, and no more than wasm32 gives it. */
const KERNEL_MIB = 112;
/** Of all programs together: a check of a large file system keeps bitmaps of it in memory. */
const PROGRAMS_BYTES = 2 ** 31;

export interface WorldOptions {
  readonly seed?: string;
  /** Default: virtual. */
  readonly clock?: ClockPolicy;
  /** Programs beside the tools. */
  readonly own?: readonly OwnProgram[];
}

/** What decides the kernel's randomness and date: --seed, SOURCE_DATE_EPOCH, else this machine. */
function worldOf({ seed }: WorldOptions): Host {
  const host = seed === undefined ? nodeHost : seededHost(nodeHost, seed);
  const epoch = sourceDateEpoch();
  return epoch === undefined ? host : { ...host, realtimeNs: () => epoch * 1e9 };
}

/** Seconds since 1970; undefined: not set. */
function sourceDateEpoch(): number | undefined {
  const text = process.env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new Failure('usage', `SOURCE_DATE_EPOCH is ${text}: it is a number of seconds since 1970`);
}

/** The same in nanoseconds: nothing in an image is newer. */
export function notAfterNs(): bigint | undefined {
  const epoch = sourceDateEpoch();
  return epoch === undefined ? undefined : BigInt(epoch) * 1_000_000_000n;
}

/** Runs `work` and lets go of the kernel. */
export async function inWorkshop<T>(
  options: WorldOptions,
  work: (shop: Workshop, engine: Linux) => Promise<T>,
): Promise<T> {
  const engine = await toolEngine();
  return inWorkshopOf(engine, options, (shop) => work(shop, engine));
}

/** Of the one that encrypts a new volume. */
export const LUKS_KERNEL_MIB = 32;

/** For one workshop at a time, one more kernel, which reads what a new image is filled with, and one that encrypts it. */
export const toolEngine = (): Promise<Linux> => openEngine(undefined, 2 * KERNEL_MIB + LUKS_KERNEL_MIB);

/** What one workshop compiled the next one has. */
let shared: Toolbox | undefined;
function toolbox(): Toolbox {
  shared ??= nodeToolbox();
  return shared;
}

/** A program of one's own runs without the tools, too. */
function toolboxWith(own: readonly OwnProgram[]): Toolbox {
  if (own.length === 0) return toolbox();
  try {
    return withOwnPrograms(toolbox(), own);
  } catch (cause) {
    if (cause instanceof HostError && cause.kind === 'no-tools')
      return withOwnPrograms({ tools: [], module: () => undefined }, own);
    throw cause;
  }
}

/** The same on an engine that is there. */
export async function inWorkshopOf<T>(
  engine: Linux,
  options: WorldOptions,
  work: (shop: Workshop) => Promise<T>,
): Promise<T> {
  const kernel = await engine.kernels.acquire({
    host: worldOf(options),
    memoryMib: KERNEL_MIB,
    clock: options.clock ?? 'virtual',
  });
  try {
    return await work(await Workshop.open(kernel, toolboxWith(options.own ?? []), PROGRAMS_BYTES));
  } finally {
    kernel.kill();
  }
}
