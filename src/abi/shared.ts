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
  bytes: 40,
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
