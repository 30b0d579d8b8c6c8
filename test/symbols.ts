/** A test that fails by the kernel's end shows where in the kernel that was, by name. Loaded before each test file. */

import { afterEach } from 'vitest';
import { kernelFrames } from '../src/kernel/log/symbols.ts';
import { kernelSymbols } from '../src/node/kernel-symbols.ts';

afterEach(async ({ task }) => {
  for (const error of task.result?.errors ?? []) {
    const stacks = [error.stack, error.cause?.stack].filter((stack) => stack !== undefined).join('\n');
    if (!stacks.includes('wasm-function[')) continue;
    const frames = kernelFrames(stacks, await kernelSymbols());
    error.message += `\nCall Trace:\n${frames.map((frame) => ` ${frame}`).join('\n')}`;
  }
});
