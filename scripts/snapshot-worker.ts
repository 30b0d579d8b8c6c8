/** The Worker that boots the kernel for `npm run snapshot`: nothing it does depends on the day, the machine or chance. */

import { boot } from '../src/kernel/boot.ts';
import { KernelDead } from '../src/kernel/errors.ts';
import { quiesce } from '../src/kernel/snapshot.ts';
import { sleepNs } from '../src/kernel/syscalls/time.ts';
import vmlinux from './vmlinux.wasm';

/** What a kernel puts off it does in this time: workqueues, RCU, delayed frees. */
const SETTLE_NS = 30_000_000_000n;

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
const host = {
  // Every restore brings entropy of its own; the snapshot is to be the same each time.
  entropy: (into: Uint8Array) => void into.fill(0x5a),
  realtimeNs: () => 0,
  monotonicNs: () => 0,
  turn,
  pause: async () => {},
  timer: () => () => {},
};

export default {
  async fetch(): Promise<Response> {
    try {
      const kernel = await boot(vmlinux, { host });
      await sleepNs(kernel.init, SETTLE_NS);
      const state = await quiesce(kernel, turn);
      return new Response(kernel.engine.memory.copy(0 as never, kernel.engine.memory.size), {
        headers: { 'x-snapshot-state': JSON.stringify(state) },
      });
    } catch (error) {
      const log = error instanceof KernelDead ? error.console : '';
      return new Response(`${error instanceof Error ? error.stack : error}\n${log}`, { status: 500 });
    }
  },
};
