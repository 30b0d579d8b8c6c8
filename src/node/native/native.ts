/** Linux's system calls from Node, by a module of ours in C (c/host.c): what Node has no function for. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFile } from '../package-files.ts';

/** A typed array stands for the address of its first byte. */
export type NativeArgument = number | bigint | NodeJS.TypedArray;

export interface Native {
  /** One call by its number; answers what Linux returns, a negative errno included. It blocks the thread while it lasts. */
  syscall(number: number, ...args: readonly NativeArgument[]): number;
  /** Where an array's first byte is: good for as long as the array lives and, for memory that grows, until it does. */
  address(array: NodeJS.TypedArray): bigint;
  /** How large the array has to be that `watch` keeps its things in. */
  watchBytes(): number;
  /** `then` is called with what `fd` can do now of that for which it is armed, or a negative errno; `storage` is the watch from then on. 0, or a negative errno. */
  watch(storage: Uint8Array, fd: number, then: (events: number) => void): number;
  /** Of `READABLE` and `WRITABLE`; 0 stops it. */
  arm(storage: Uint8Array, events: number): void;
  /** Ends a watch. Once. */
  unwatch(storage: Uint8Array): void;
}

/** Of uv_poll_event. */
export const READABLE = 1;
export const WRITABLE = 2;

let loaded: Native | undefined;

/** Undefined where there is none: not Linux, or a machine that it was not built for. */
export function native(): Native | undefined {
  if (loaded || process.platform !== 'linux') return loaded;
  const path = packageFile(`src/node/native/linux-${process.arch}.node`);
  if (existsSync(path)) loaded = createRequire(import.meta.url)(path) as Native;
  return loaded;
}
