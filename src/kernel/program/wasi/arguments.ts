/** args_* and environ_*: what exec gave to the program, as the kernel laid it out for any other. */

import { type Ptr, plus, ptr } from '../../memory.ts';
import { SUCCESS } from './errno.ts';
import { answerU32, mustHave, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** argc, then argv and envp, each with a 0 at its end: addresses of strings. */
function strings({ memory, sp }: WasiProgram, which: 'argv' | 'envp'): readonly Uint8Array[] {
  const argc = memory.u32(sp);
  const found: Uint8Array[] = [];
  let at: Ptr = plus(sp, which === 'argv' ? 4 : 4 + 4 * (argc + 1));
  for (;;) {
    const from = memory.u32(at);
    if (from === 0) return found;
    const end = memory.bytes.indexOf(0, from);
    found.push(memory.copy(ptr(from), end - from + 1));
    at = plus(at, 4);
  }
}

const sizes =
  (which: 'argv' | 'envp') =>
  (program: WasiProgram, count: number, bytes: number): number => {
    const all = strings(program, which);
    answerU32(program.memory, count, all.length);
    answerU32(
      program.memory,
      bytes,
      all.reduce((sum, text) => sum + text.length, 0),
    );
    return SUCCESS;
  };

const get =
  (which: 'argv' | 'envp') =>
  (program: WasiProgram, pointers: number, buffer: number): number => {
    const { memory } = program;
    let to = ptr(buffer);
    for (const [i, text] of strings(program, which).entries()) {
      answerU32(memory, plus(ptr(pointers), 4 * i), to);
      mustHave(memory, to, text.length);
      memory.write(to, text);
      to = plus(to, text.length);
    }
    return SUCCESS;
  };

export const argumentCalls = {
  args_sizes_get: sizes('argv'),
  args_get: get('argv'),
  environ_sizes_get: sizes('envp'),
  environ_get: get('envp'),
} as const satisfies Readonly<Record<string, WasiCall>>;
