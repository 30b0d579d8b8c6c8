/** WASI preview 1 for one program: its functions as system calls of the kernel. */

import { AT_FDCWD, O_DIRECTORY } from '../../../abi/uapi/fs.ts';
import { type Ptr, ptr } from '../../memory.ts';
import type { Pages } from '../pages.ts';
import type { ProgramMemory } from '../program-memory.ts';
import { argumentCalls } from './arguments.ts';
import { clockCalls } from './clocks.ts';
import { directoryCalls } from './directories.ts';
import { FAULT } from './errno.ts';
import { fileCalls, ROOT_FD } from './files.ts';
import { pathCalls } from './paths.ts';
import { processCalls } from './process-calls.ts';
import { socketCalls } from './sockets.ts';
import { BadPath, SCRATCH_BYTES, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** All that preview 1 has. */
export const wasiCalls: Readonly<Record<string, WasiCall>> = {
  ...argumentCalls,
  ...fileCalls,
  ...directoryCalls,
  ...pathCalls,
  ...clockCalls,
  ...processCalls,
  ...socketCalls,
};

type AnyCall = (program: WasiProgram, ...args: readonly (number | bigint)[]) => number | Promise<number>;

export class Wasi implements WasiProgram {
  readonly syscall: WasiProgram['syscall'];
  #memory: ProgramMemory | undefined;
  scratch = 0 as Ptr;
  sp = 0 as Ptr;

  constructor(syscall: WasiProgram['syscall']) {
    this.syscall = syscall;
  }

  get memory(): ProgramMemory {
    if (!this.#memory) throw new RangeError('WASI is not there while a module is instantiated');
    return this.#memory;
  }

  /** For the instance. */
  readonly imports: WebAssembly.ModuleImports = Object.fromEntries(
    Object.entries(wasiCalls).map(([name, call]) => [
      name,
      new WebAssembly.Suspending((...args: readonly (number | bigint)[]) => this.#answer(call as AnyCall, args)),
    ]),
  );

  /** Before the program runs: room of the host's, and the root as the directory that WASI begins with. */
  async begin(memory: ProgramMemory, pages: Pages, sp: number): Promise<void> {
    this.#memory = memory;
    this.sp = ptr(sp);
    const at = pages.map(SCRATCH_BYTES);
    if (at < 0) throw new RangeError('no memory is left for WASI');
    this.scratch = ptr(at);
    memory.writeCstring(this.scratch, new TextEncoder().encode('/'));
    const fd = await this.syscall('openat', AT_FDCWD, this.scratch, O_DIRECTORY);
    if (fd < 0 || fd === ROOT_FD) return;
    await this.syscall('dup3', fd, ROOT_FD, 0);
    await this.syscall('close', fd);
  }

  /** What is outside of the program's memory is EFAULT, as for the kernel. */
  async #answer(call: AnyCall, args: readonly (number | bigint)[]): Promise<number> {
    try {
      return await call(this, ...args);
    } catch (cause) {
      if (cause instanceof BadPath) return cause.errno;
      if (cause instanceof RangeError) return FAULT;
      throw cause;
    }
  }
}
