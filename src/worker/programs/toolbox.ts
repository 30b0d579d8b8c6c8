/** The tools of the Worker, as the engine wants them: there at once, in the middle of an exec. */

import list from '../../../wasm/dist/tools/tools.json' with { type: 'json' };
import { HostError } from '../../errors/host-error.ts';
import type { Toolbox, ToolDescription } from '../../tools/toolbox.ts';
import { modules } from './modules.ts';

/** Those that the Worker carries. */
export const workerTools: readonly ToolDescription[] = list.tools.filter(({ name }) => Object.hasOwn(modules, name));

const loaded = new Map<string, WebAssembly.Module>();

/**
 * `argv`: the program that is to run, where that is all. A shell may run any other, so may what is found by a path: then all are loaded,
 * once an isolate. Rejects with `no-tools` where this Worker was put together without them.
 */
export async function workerToolbox(argv?: readonly string[]): Promise<Toolbox> {
  const [program = ''] = argv ?? [];
  const alone =
    argv &&
    workerTools.find(({ name, links }) => RUNS_OTHERS.has(name) === false && [name, ...links].includes(program));
  await Promise.all((alone ? [alone] : workerTools).map(({ name }) => load(name)));
  return { tools: workerTools, module: (name) => loaded.get(name) };
}

/** Programs that execute others: `ip netns exec` is one. */
const RUNS_OTHERS: ReadonlySet<string> = new Set(['busybox', 'ip']);

async function load(name: string): Promise<void> {
  if (loaded.has(name)) return;
  try {
    const module = await modules[name]?.();
    if (module) loaded.set(name, module.default);
  } catch (cause) {
    throw new HostError('no-tools', `the Worker was put together without ${name}`, { cause });
  }
}
