/**
 * Memory that kernel and host both read and write, and the numbers they share. Twins: asm/host.h and asm/ptrace.h of
 * wasm/arch/lkl, held equal by static assertions that `npm run abi` writes from here (scripts/twins.ts).
 */

/** Byte offsets in `struct lkl_shared`. */
export const SHARED = {
  /** u64: CLOCK_MONOTONIC as the kernel last saw it, ns. */
  clockNs: 0,
  /** u64: when the next timer is due, or all ones. */
  timerNs: 8,
  /** u32: a bit an interrupt. */
  irqPending: 16,
  /** u32: 0 virtual, 1 wall. */
  clockWall: 20,
  /** u32: bytes memory may grow to. */
  memoryLimit: 24,
  /** u32: how often the idle kernel may go on to its timer by itself. */
  jumps: 28,
  /** u64: … if that is due before this, ns. */
  jumpNs: 32,
  /** u32: when a task is in user mode, whether others could run. */
  runnable: 40,
  bytes: 48,
} as const;

/** Byte offsets in `struct pt_regs`: one system call. */
export const REGS = {
  /** u64[6] */
  args: 0,
  /** s32 */
  nr: 48,
  /** s32 */
  ret: 52,
} as const;

/** `struct lkl_signal_frame`: a handler of a program's that is to be called. */
export const SIGNAL_FRAME = {
  bytes: 152,
  /** s32 */
  sig: 0,
  /** u32: SA_* */
  flags: 4,
  /** u32: an index in the program's table of functions */
  handler: 8,
  /** s32: si_code */
  code: 12,
  /** u64: the mask to restore when the handler has returned */
  oldMask: 16,
  /** siginfo_t */
  info: 24,
  infoBytes: 128,
} as const;

/** What `foreign_copy` does: from the program's memory to the kernel's, the other way, or zeros into the program's. */
export const FOREIGN = { read: 0, write: 1, clear: 2 } as const;

/** Comes with a task from `user_wake`: its call is to end with EINTR. */
export const WAKE_INTERRUPT = 1;

/** `struct lkl_task_info`, 40 bytes. */
export const TASK_INFO = {
  bytes: 40,
  pid: 0,
  state: 4,
  flags: 8,
  inUserLoop: 12,
  stack: 16,
  sp: 20,
  comm: 24,
  commBytes: 16,
} as const;

/** Bits of `irqPending`. */
export const IRQ = { timer: 1, user: 2, supers: 3, virtio: 8 } as const;

/** Virtio-mmio slots: register windows and how many there are. */
export const VIRTIO = { base: 0xf000_0000, stride: 0x200, slots: 24 } as const;
