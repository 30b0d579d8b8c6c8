/** The batch language: calls and their arguments as JSON, and what comes back. */

import type { ErrnoName } from '../../abi/errno.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * One argument, or one field of a struct:
 *  - a number, or text that says one: decimal, 0x…, 0… (octal), constants and flags ("O_RDWR|O_CREAT", "SIGTERM", "TCGETS");
 *  - a string where the call takes a string or bytes; it goes in as UTF-8 with a NUL after it;
 *  - null: the NULL pointer;
 *  - {"ref": "fd"}, {"ref": "stat.st_size"}: an earlier result, by the name that its call's `as` gave it;
 *  - {"utf8" | "base64" | "hex": "…"}: input bytes;
 *  - {"out": 4096}, {"out": "stat"}, {"out": "epoll_event[8]"}: memory that the call writes, decoded as `type`, as the struct
 *    that the argument points at, or as bytes ("type": "bytes" shows a struct raw);
 *  - {"struct": "sockaddr_in", "sin_port": 80 …}, or the fields alone where the call says which struct: a struct;
 *  - an array: the elements that the pointer points at (ints, structs, buffers of an iovec, strings of an argv);
 *  - {"netlink": […]}: netlink messages.
 */
export type Argument = Json;

export interface BatchCall {
  /** By its Linux name, our kernel's or another that means the same (open, stat, lseek, clock_gettime …). */
  readonly call: string;
  readonly args?: readonly Argument[];
  /** Name the result, for later references. */
  readonly as?: string;
  /** What the call must answer for the batch to go on: its `ret`, the name of its errno, or "success". */
  readonly expect?: number | string;
}

export interface CallResult {
  /** What Linux answered, a negative errno included; null when the task ended in the call. */
  readonly ret: number | null;
  /** The name of the errno, when the call failed. */
  readonly errno?: ErrnoName | `E${number}`;
  /** What the call wrote: the value itself, or by argument name when it wrote several. */
  readonly out?: Json;
  /** The task is no more; `status` as wait(2) has it. No call after this one is made. */
  readonly exited?: { readonly status: number };
  /** Virtual time that passed in the call, in nanoseconds; left out when none did. */
  readonly ns?: number;
  /** The call as strace(1) shows it, when asked. */
  readonly strace?: string;
  /** `expect` wanted something else. */
  readonly unexpected?: true;
}
