/** Names for the functions in a backtrace of the kernel: the binary has none, the list beside it (wasm/dist/kernel.names.gz) has all. */

/** How engines write a frame of wasm: `wasm-function[12]:0x3f`, after a URL of their own making. */
const FRAME = /wasm-function\[(\d+)\]/;

/** The list, unpacked: one name a line, in the order of function indices. */
export type KernelSymbols = readonly string[];

export const parseSymbols = (text: string): KernelSymbols => text.split('\n');

/** The text with names in place of function numbers: "wasm-function[12]" becomes "do_mount". */
export const nameFrames = (text: string, symbols: KernelSymbols): string =>
  text.replace(/wasm-function\[(\d+)\]/g, (frame, index) => symbols[Number(index)] || frame);

/** Frames of the boundary and of the end itself, which every backtrace begins with. */
const PLUMBING = /^(host_|lkl_panic$|notifier_call_chain$|atomic_notifier_call_chain$|lkl_halt$)/;

/**
 * The kernel's functions that a stack holds, innermost first, as "ext4_fill_super+0x3f2b". The number is the offset in
 * the binary. Empty for a stack without wasm in it; a function beyond the list stays "wasm-function[N]".
 */
export function kernelFrames(stack: string, symbols: KernelSymbols): string[] {
  const frames = stack.split('\n').flatMap((line) => {
    const index = FRAME.exec(line)?.[1];
    if (index === undefined) return [];
    const name = symbols[Number(index)] || `wasm-function[${index}]`;
    const offset = /\]:(0x[\da-f]+)/.exec(line)?.[1];
    return [offset ? `${name}+${offset}` : name];
  });
  const first = frames.findIndex((frame) => !PLUMBING.test(frame.replace(/\+.*/, '')));
  return first < 0 ? frames : frames.slice(first);
}

/**
 * The backtrace of a dead kernel as Linux prints one, from the error that tells of its end or from that error's cause;
 * undefined where no stack has a frame of wasm (a deadline, a deadlock).
 */
export function backtrace(error: unknown, symbols: KernelSymbols): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const frames = kernelFrames(at.stack ?? '', symbols);
    if (frames.length > 0) return `Call Trace:\n${frames.map((frame) => ` ${frame}`).join('\n')}`;
  }
  return undefined;
}
