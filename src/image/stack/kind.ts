/** What a kind of member has to tell and to do, and what it is given for that. */

import type { HostError } from '../../errors/host-error.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Target } from '../../kernel/syscalls/device-mapper.ts';
import type { PlayedTask } from '../../kernel/user-task.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import type { ProbedVolume, Volume } from '../volumes/volumes.ts';
import type { KernelDevice } from './kernel-device.ts';
import type { Keyring } from './keyring.ts';

/** A device that was made of members. */
export interface Made {
  readonly device: KernelDevice;
  readonly title: string;
  readonly names?: readonly string[];
  readonly kind: string;
  readonly label?: string | undefined;
  readonly on: readonly ProbedVolume[];
  /** What of it is known to be missing, in numbers, where it was opened all the same. */
  readonly cut?: string;
}

/** Members that belong together. */
export interface Group {
  /** For people: LUKS, md, LVM2. */
  readonly type: string;
  readonly members: readonly ProbedVolume[];
  /** All of them are there. */
  readonly isComplete: boolean;
  /** Rejects with a HostError where it cannot be opened. `problems` takes what is wrong with a part of it. */
  open(problems: (problem: HostError) => void): Promise<readonly Made[]>;
}

/** How one kind of member is opened. */
export interface Kind {
  /** As blkid(8) calls its members. */
  readonly type: string;
  group(members: readonly ProbedVolume[], tools: StackTools): Promise<readonly Group[]>;
}

/** What kinds need of the kernel. */
export interface StackTools {
  readonly kernel: Kernel;
  readonly task: PlayedTask;
  readonly keyring: Keyring;
  /** A detached header of LUKS. */
  readonly header: { readonly device: KernelDevice; readonly bytes: VolumeBytes } | undefined;
  /** What lacks a part is opened although something may be wrong with it. */
  readonly evenIfIncomplete: boolean;
  /** What is opened is written: all copies of it, and what snapshots need of it first. */
  readonly writable: boolean;
  device(volume: Volume): Promise<KernelDevice>;
  /** A name that no array has. */
  nextArray(): string;
  make(table: readonly Target[], options?: { readonly readOnly?: boolean }): Promise<KernelDevice>;
  /** Done once nothing is mounted any more, in the opposite order: what was made last goes first. */
  atEnd(work: () => Promise<void>): void;
  readOnce(table: readonly Target[], bytes: number): Promise<Uint8Array>;
  /** As long as that; what lies behind its end is an error to read. */
  extend(device: KernelDevice, sectors: number): Promise<KernelDevice>;
}
