/** A kernel with programs, and what they answer. */

import type { Host } from '../../../src/kernel/host.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { installPrograms } from '../../../src/kernel/program/run/install.ts';
import { type ProgramEnd, type ProgramRun, runProgram } from '../../../src/kernel/program/run/run.ts';
import probe from '../../fixtures/programs/probe.wasm';
import probeFork from '../../fixtures/programs/probe-fork.wasm';
import { host } from '../kernel.ts';
import { restoredKernel } from '../restored.ts';

export const modules: Readonly<Record<string, WebAssembly.Module>> = { probe, 'probe-fork': probeFork };

/** With /bin/probe and /bin/probe-fork, which are test/fixtures/programs. */
export async function programKernel(
  more: Readonly<Record<string, WebAssembly.Module>> = {},
  of: Host = host,
): Promise<Kernel> {
  const kernel = restoredKernel(64, of);
  const all = { ...modules, ...more };
  kernel.programs.provide((name) => all[name]);
  await installPrograms(kernel.init, '/bin', Object.keys(all));
  return kernel;
}

export interface Answer extends ProgramEnd {
  readonly out: string;
  readonly err: string;
}

/** Run "/bin/PROGRAM ARGUMENTS" and hear all it says. */
export async function answer(
  kernel: Kernel,
  argv: readonly [program: string, ...args: string[]],
  more: Partial<ProgramRun> = {},
): Promise<Answer> {
  const texts = { out: '', err: '' };
  const hear = (which: 'out' | 'err') => {
    const decoder = new TextDecoder();
    return (bytes: Uint8Array) => {
      texts[which] += decoder.decode(bytes, { stream: true });
    };
  };
  const path = `/bin/${argv[0]}`;
  const end = await runProgram(kernel, { path, argv, stdout: hear('out'), stderr: hear('err'), ...more });
  return { ...end, ...texts };
}
