/** proc_*, random_get and sched_yield. */

import { ptr } from '../../memory.ts';
import { NOSYS, SUCCESS, wasiErrno } from './errno.ts';
import { mustHave, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** Up to SIGTERM WASI's numbers are Linux's. */
const SIGTERM = 15;
/** getrandom(2) gives so many whole. */
const PIECE = 1 << 20;

export const processCalls = {
  async proc_exit(program: WasiProgram, code: number) {
    return wasiErrno(await program.syscall('exit_group', code));
  },
  async proc_raise(program: WasiProgram, signal: number) {
    if (signal < 1 || signal > SIGTERM) return NOSYS;
    return wasiErrno(await program.syscall('kill', await program.syscall('getpid'), signal));
  },
  async sched_yield(program: WasiProgram) {
    return wasiErrno(await program.syscall('sched_yield'));
  },
  async random_get(program: WasiProgram, at: number, bytes: number) {
    const from = ptr(at);
    const length = bytes >>> 0;
    if (length > 0) mustHave(program.memory, from, length);
    for (let done = 0; done < length; ) {
      const got = await program.syscall('getrandom', from + done, Math.min(length - done, PIECE), 0);
      if (got < 0) return wasiErrno(got);
      done += got;
    }
    return SUCCESS;
  },
} as const satisfies Readonly<Record<string, WasiCall>>;
