/** What the kernel imports from the host (module `host`). Twins: wasm/arch/lkl/include/asm/host.h and kernel/entry.S. */

/** How a wasm value looks in JavaScript: pointers and integers are i32, nanoseconds and other large counts f64. */
export type WasmType = 'i32' | 'f64';

export interface ImportRow {
  readonly params: readonly WasmType[];
  readonly result: WasmType | null;
  /** May suspend the calling task (JSPI). Such imports are called through a trampoline that keeps the C stack pointer. */
  readonly suspends?: true;
  readonly doc: string;
}

export const kernelImports = {
  console_write: {
    params: ['i32', 'i32'],
    result: null,
    doc: 'Append printk text (pointer, bytes) to the console ring.',
  },
  panic: { params: ['i32', 'i32'], result: null, doc: 'The kernel ended with this message; the host throws.' },
  command_line: {
    params: ['i32', 'i32'],
    result: 'i32',
    doc: 'Write the command line, at most so many bytes; answers its bytes.',
  },
  entropy: { params: ['i32', 'i32'], result: null, doc: 'Fill memory with random bytes.' },
  clock_now: { params: [], result: 'f64', doc: 'Wall policy: CLOCK_MONOTONIC in nanoseconds.' },
  clock_realtime: { params: [], result: 'f64', doc: 'CLOCK_REALTIME in nanoseconds since 1970.' },
  mmio_read: { params: ['i32', 'i32'], result: 'i32', doc: 'Load 1, 2 or 4 bytes from a device register.' },
  mmio_write: {
    params: ['i32', 'i32', 'i32'],
    result: null,
    doc: 'Store a value of 1, 2 or 4 bytes into a device register (address, value, size).',
  },
  user_ready: { params: ['i32'], result: 'i32', doc: 'Whether a call waits for this user task.' },
  user_wake: {
    params: [],
    result: 'i32',
    doc: 'The next user task to wake because a call waits for it, or 0. Bit 0 set: its call is to end with EINTR.',
  },
  user_exit: {
    params: ['i32', 'i32', 'i32'],
    result: null,
    doc: 'A user task ended (task, pid, exit code as wait(2) encodes it).',
  },
  foreign_copy: {
    params: ['i32', 'i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    doc: "Copy between the kernel's memory and a program's (number, ours, theirs, bytes, what): answers the bytes not copied.",
  },
  foreign_string: {
    params: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    doc: 'Copy a string of a program (number, ours or 0, theirs, at most so many bytes): its bytes without the NUL, or -EFAULT.',
  },
  foreign_fork: {
    params: ['i32'],
    result: 'i32',
    doc: "A copy of a program's memory, for a child that is being made: its number, or a negative errno.",
  },
  foreign_end: { params: ['i32'], result: null, doc: 'No task uses this memory any more.' },
  exec_load: {
    params: ['i32', 'i32', 'i32', 'i32'],
    result: 'i32',
    doc: 'exec of a program of the host (name, its bytes, bytes wanted for arguments, where to write their address): the number of a new memory, or a negative errno.',
  },
  exec_start: {
    params: ['i32', 'i32', 'i32', 'i32'],
    result: null,
    doc: 'The exec is done (task, pid, number, address of argc): the task runs that program from its start.',
  },
  user_clone: {
    params: ['i32', 'i32', 'i32', 'i32'],
    result: null,
    doc: 'A task of a program made another (parent, child, CLONE_* flags, number of its memory); `user_exit` of the child follows if that fails.',
  },
  user_signal: {
    params: ['i32', 'i32'],
    result: null,
    doc: 'A handler of a program is to be called in this task (task, lkl_signal_frame).',
  },
  supers_done: {
    params: ['i32', 'i32'],
    result: null,
    doc: 'The export `supers` has done its work: a line for each file system that refused (text, bytes).',
  },
  idle: { params: [], result: null, suspends: true, doc: 'Nothing to run: return once an interrupt is pending.' },
  task_switch: {
    params: ['i32', 'i32', 'i32', 'i32'],
    result: null,
    suspends: true,
    doc: 'Park the first task, resume or enter the second (flags, its stack pointer).',
  },
  user_next: {
    params: ['i32', 'i32', 'i32'],
    result: 'i32',
    suspends: true,
    doc: 'The last call of this user task (task, pid, registers) is done: 1 with the next one in the registers, 0 to sleep.',
  },
} as const satisfies Record<string, ImportRow>;

export type ImportName = keyof typeof kernelImports;

type JsValue<T extends WasmType | null> = T extends null ? undefined : number;
// biome-ignore lint/suspicious/noConfusingVoidType: an import without a result is a function that returns nothing
type Returns<R extends ImportRow> = R['result'] extends null ? void : JsValue<R['result']>;
type Params<P extends readonly WasmType[]> = { readonly [K in keyof P]: number };

/** The functions a host provides; only rows that may suspend may answer with a promise. */
export type HostImports = {
  readonly [N in ImportName]: (
    ...args: Params<(typeof kernelImports)[N]['params']>
  ) => (typeof kernelImports)[N] extends { suspends: true }
    ? Returns<(typeof kernelImports)[N]> | Promise<Returns<(typeof kernelImports)[N]>>
    : Returns<(typeof kernelImports)[N]>;
};

/** Flags of `task_switch`. */
export const SWITCH_FRESH = 1;
export const SWITCH_DEAD = 2;
