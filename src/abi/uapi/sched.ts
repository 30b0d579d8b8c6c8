/** Flags of clone(2), as linux/sched.h has them: what a new task shares with its parent. */

export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
