import { expect, it } from 'vitest';
import { backtrace, kernelFrames, nameFrames, parseSymbols } from './symbols.ts';

const symbols = parseSymbols(['host_panic', 'lkl_panic', 'panic', 'ext4_fill_super', ''].join('\n'));
const STACK = `KernelDead: Kernel panic: no
    at Object.panic (file:///engine.ts:1:1)
    at wasm://wasm/0badcafe:wasm-function[0]:0x10
    at wasm://wasm/0badcafe:wasm-function[1]:0x20
    at wasm://wasm/0badcafe:wasm-function[2]:0x2c
    at wasm://wasm/0badcafe:wasm-function[3]:0x3f2b
    at wasm://wasm/0badcafe:wasm-function[4]:0x50
    at wasm://wasm/0badcafe:wasm-function[99]:0x60`;

const failed = (stack: string, cause?: unknown) => Object.assign(new Error('it ended', { cause }), { stack });

it('frames of wasm are named by their function index, innermost first, without those of the boundary', () => {
  expect(kernelFrames(STACK, symbols)).toEqual([
    'panic+0x2c',
    'ext4_fill_super+0x3f2b',
    'wasm-function[4]+0x50',
    'wasm-function[99]+0x60',
  ]);
});

it('a stack of Firefox is one too', () => {
  expect(kernelFrames('panic@http://x/kernel.wasm:wasm-function[3]:0x1a', symbols)).toEqual(['ext4_fill_super+0x1a']);
});

it('the backtrace is that of the error, or of what caused it', () => {
  const trace = 'Call Trace:\n panic+0x2c\n ext4_fill_super+0x3f2b\n wasm-function[4]+0x50\n wasm-function[99]+0x60';
  expect(backtrace(failed(STACK), symbols)).toBe(trace);
  expect(backtrace(failed('Error: it ended\n    at main.ts:1:1', failed(STACK)), symbols)).toBe(trace);
  expect(backtrace(failed('Error: it ended\n    at main.ts:1:1'), symbols)).toBeUndefined();
  expect(backtrace('no error', symbols)).toBeUndefined();
});

it('text keeps what is no frame, and frames that have no name', () => {
  expect(nameFrames('trap in wasm-function[3] of wasm-function[4]', symbols)).toBe(
    'trap in ext4_fill_super of wasm-function[4]',
  );
});
