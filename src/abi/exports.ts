/** What the kernel exports to the host. Twins: the LKL_EXPORT functions of wasm/arch/lkl and its kernel/entry.S. */

import type { WasmType } from './imports.ts';

export interface ExportRow {
  readonly params: readonly WasmType[];
  readonly result: WasmType | null;
  /** Runs kernel code that may suspend: called through `WebAssembly.promising`. */
  readonly suspends?: true;
  /** Which module has it, when not both. */
  readonly of?: 'snapshot';
  readonly doc: string;
}

export const kernelExports = {
  start: { params: [], result: null, suspends: true, doc: 'Boot. Becomes the idle task and never returns.' },
  resume: { params: [], result: null, suspends: true, doc: 'Go on after a restore, as the idle task. Never returns.' },
  task_entry: {
    params: ['i32', 'i32'],
    result: null,
    suspends: true,
    doc: 'Enter a task on a new engine stack (task, stack pointer). Never returns.',
  },
  shared: { params: [], result: 'i32', doc: 'Address of the memory both sides share (abi/shared.ts).' },
  memory_used: {
    params: [],
    result: 'i32',
    doc: 'Bytes of memory in use from address 0; the linear memory may be larger.',
  },
  task_list: {
    params: ['i32', 'i32'],
    result: 'i32',
    doc: 'Describe up to so many tasks at an address; answers how many there are.',
  },
  /**
   * For the supervisor: it goes by superblock and uses no path, user, limit or namespace of a guest's task. Only while no
   * kernel code runs (idle, or a task in user mode); the host then interrupts the kernel (`IRQ.supers` is pending) and lets
   * it run, time included, until the import `supers_done`. That has a line "ID TYPE ERRNO" for each file system that
   * refused, such as "vda1 ext4 -5", which stays as it was; no text is success. Freezing syncs everything first, raw
   * writes to disks too; what is frozen by it already is left alone, and what the guest froze stays frozen after a thaw.
   * A call that sleeps with write access to a file system (splice from a pipe) holds its freeze up until it ends. One
   * request at a time.
   */
  supers: {
    params: ['i32'],
    result: null,
    doc: 'Not 0: sync, and freeze each writable file system on a block device; 0: thaw them. Answers through `supers_done`.',
  },
  restore: {
    params: ['i32'],
    result: null,
    of: 'snapshot',
    doc: 'Put the snapshot into memory; not 0: clear all memory first. Only in the snapshot, made by scripts/snapshot.ts.',
  },
} as const satisfies Record<string, ExportRow>;

export type ExportName = keyof typeof kernelExports;
