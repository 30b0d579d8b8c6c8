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
  /** `then` is called whenever `fd` can be read, once it is armed; `storage` is the watch from then on. 0, or a negative errno. */
  watch(storage: Uint8Array, fd: number, then: (status: number) => void): number;
  arm(storage: Uint8Array, on: boolean): void;
  /** Ends a watch. Once. */
  unwatch(storage: Uint8Array): void;
}

let loaded: Native | undefined;

/** Undefined where there is none: not Linux, or a machine that it was not built for. */
export function native(): Native | undefined {
  if (loaded || process.platform !== 'linux') return loaded;
  const path = packageFile(`src/node/native/linux-${process.arch}.node`);
  if (existsSync(path)) loaded = createRequire(import.meta.url)(path) as Native;
  return loaded;
}
