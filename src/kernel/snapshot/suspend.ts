/** A live kernel as a difference against the boot snapshot, and back: how a session outlives its isolate. */

import { errnoName } from '../../abi/errno.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import type { Kernel, KernelOptions } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { ptr } from '../memory.ts';
import { NotQuiesced, quiesce, restore, type SnapshotState } from './snapshot.ts';
import { freezeSupers, type RefusedSuper, thawSupers } from './supers.ts';

export const PAGE = 4096;

/** A kernel at rest: what describes it, and the pages in which it differs from the boot snapshot. */
export interface Suspended {
  readonly state: Omit<SnapshotState, 'buildId'>;
  /** Page numbers, ascending. */
  readonly pages: readonly number[];
  /** The pages' bytes, one after another. */
  readonly bytes: Uint8Array;
}

export interface SuspendNeeds {
  /** The memory of a clean machine of the same snapshot, for immediate use. */
  readonly clean: () => Uint8Array;
  /** Lets the event loop have a turn. */
  readonly turn: () => Promise<void>;
  /** How long to wait for what cannot be saved to end; default: as long as ext4lazyinit takes. */
  readonly patienceNs?: bigint;
}

const PATIENCE_NS = 6_000_000_000n;

/**
 * Put the kernel to rest and take it down as data. File systems are frozen first, and thawed after `resume`. Rejects with NotQuiesced, and the kernel goes on, when something cannot be saved.
 * Afterwards kill it, or let it `goOn`.
 */
export async function suspend(
  kernel: Kernel,
  { clean, turn, patienceNs = PATIENCE_NS }: SuspendNeeds,
): Promise<Suspended> {
  const state = await rest(kernel, patienceNs, turn);
  const memory = kernel.engine.memory.view(ptr(0), state.memoryBytes);
  const [words, base] = [inWords(memory), inWords(clean())];
  const pages: number[] = [];
  for (let page = 0; page * PAGE < memory.length; page++) if (differs(words, base, page)) pages.push(page);
  const bytes = new Uint8Array(pages.length * PAGE);
  for (const [i, page] of pages.entries()) bytes.set(memory.subarray(page * PAGE, (page + 1) * PAGE), i * PAGE);
  return { state, pages, bytes };
}

/** A thread that is about to end or to sleep for good is waited for, in the kernel's own time: twice as long each time. */
const FIRST_TRY_NS = 20_000_000n;
/** xfsaild looks for work ten times a second at least. */
const FROZEN_NS = 100_000_000n;

/**
 * Threads that run for a while after a mount, or sleep for a tenth of a second as kswapd does, cannot be saved: they get
 * time. Some come to rest only while their file system is frozen (xfsaild), some only while it is not.
 */
async function rest(kernel: Kernel, patienceNs: bigint, turn: () => Promise<void>): Promise<Suspended['state']> {
  let waitedNs = 0n;
  for (let ns = FIRST_TRY_NS; ; ns *= 2n) {
    try {
      await freeze(kernel);
      return await quiesceWithin(kernel, ns < FROZEN_NS ? ns : FROZEN_NS, turn);
    } catch (cause) {
      await goOn(kernel);
      if (!(cause instanceof NotQuiesced) || waitedNs >= patienceNs) throw cause;
      await pass(kernel, ns);
      waitedNs += ns;
    }
  }
}

/** The kernel's time goes on, for whatever has something to do. No task sleeps for it: pid 1 is the guest's. */
const pass = ({ engine, init }: Kernel, ns: bigint): Promise<void> => init.waitFor(engine.pass(Number(ns)));

/** Now, or after so long. */
async function quiesceWithin(kernel: Kernel, ns: bigint, turn: () => Promise<void>): Promise<Suspended['state']> {
  try {
    return await quiesce(kernel, turn);
  } catch (cause) {
    if (!(cause instanceof NotQuiesced)) throw cause;
  }
  kernel.init.attach();
  await pass(kernel, ns);
  return quiesce(kernel, turn);
}

/**
 * Frozen, a file system has an empty journal and arms no timer: the journal thread sets its timer up anew when it is
 * re-entered, which an armed one would not survive. The kernel does it; a guest's tasks have no part in it.
 */
async function freeze({ init, engine }: Kernel): Promise<void> {
  const refused = await init.waitFor(freezeSupers(engine));
  if (refused.length > 0) throw new NotQuiesced(`not to be frozen: ${refusals(refused)}`);
}

async function thaw({ init, engine }: Kernel): Promise<void> {
  const refused = await init.waitFor(thawSupers(engine));
  if (refused.length > 0) throw new Error(`still frozen: ${refusals(refused)}`);
}

const refusals = (refused: readonly RefusedSuper[]): string =>
  refused.map(({ type, device, errno }) => `${type} on ${device} (${errnoName(errno) ?? `errno ${errno}`})`).join(', ');

/** The kernel that was suspended goes on as if nothing had been. */
export async function goOn(kernel: Kernel): Promise<void> {
  kernel.init.attach();
  await thaw(kernel);
}

/** The kernel goes on in a clean machine that has grown to its size, on the same disks in the same order. */
export async function resume(
  machine: Machine,
  { state, pages, bytes }: Suspended,
  buildId: string,
  options: KernelOptions & { readonly disks?: readonly BlockDevice[] },
): Promise<Kernel> {
  const memory = machine.memory.bytes;
  for (const [i, page] of pages.entries()) memory.set(bytes.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE);
  const kernel = restore(machine, { ...state, buildId }, options);
  await goOn(kernel);
  return kernel;
}

/** Whether a page differs; beyond the end of `base` there are zeros. */
function differs(memory: Uint32Array, base: Uint32Array, page: number): boolean {
  const end = (page + 1) * (PAGE / 4);
  for (let at = page * (PAGE / 4); at < end; at++) if (memory[at] !== (base[at] ?? 0)) return true;
  return false;
}

const inWords = ({ buffer, byteOffset, length }: Uint8Array) => new Uint32Array(buffer, byteOffset, length / 4);
