/** How tasks are ended, and their end waited for: asm-generic/signal.h, uapi/linux/wait.h. */

export const SIGKILL = 9;

export const WNOHANG = 1;
/** Of children of every kind, those whose end no signal tells of too. */
export const WALL = 0x4000_0000;
