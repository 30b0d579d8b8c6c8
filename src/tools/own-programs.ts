/** Programs of a user's own beside the tools: modules of lkl-cc or of WASI, checked before a kernel is asked to run them. */

import { HostError } from '../errors/host-error.ts';
import { isWasi, WASI } from '../kernel/program/wasi/module.ts';
import { wasiCalls } from '../kernel/program/wasi/wasi.ts';
import type { Toolbox } from './toolbox.ts';

export interface OwnProgram {
  /** It is /bin/NAME, whatever tool has that name. */
  readonly name: string;
  readonly module: WebAssembly.Module;
}

/** What docs/design/programs.md names. */
const OURS = ['call', 'signal', 'fork'];

/** Compiles a module that is to run as a program. Rejects with `bad-program`, which says what it lacks. */
export function ownProgram(name: string, bytes: Uint8Array<ArrayBuffer>): OwnProgram {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch (cause) {
    throw bad(name, `is no whole WebAssembly module (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  return ownModule(name, module);
}

/** The same of one that is compiled already. */
export function ownModule(name: string, module: WebAssembly.Module): OwnProgram {
  const foreign = WebAssembly.Module.imports(module).find((wanted) => !isKnown(wanted));
  if (foreign)
    throw bad(name, `wants ${foreign.module}.${foreign.name}, which is neither Linux's nor WASI's (preview 1)`);
  const exported = new Map(WebAssembly.Module.exports(module).map(({ name: what, kind }) => [what, kind]));
  if (exported.get('memory') !== 'memory') throw bad(name, 'exports no memory');
  if (exported.get('_start') !== 'function') {
    const isReactor = isWasi(module) && exported.has('_initialize');
    throw bad(name, isReactor ? 'is a library (a reactor of WASI), no program' : 'exports no function _start');
  }
  return { name, module };
}

const isKnown = ({ module, name, kind }: WebAssembly.ModuleImportDescriptor): boolean =>
  kind === 'function' &&
  ((module === 'lkl' && OURS.includes(name)) || (module === WASI && Object.hasOwn(wasiCalls, name)));

const bad = (name: string, why: string): HostError => new HostError('bad-program', `${name} ${why}`);

/** The tools, and these. */
export function withOwnPrograms(toolbox: Toolbox, own: readonly OwnProgram[]): Toolbox {
  const modules = new Map(own.map(({ name, module }) => [name, module]));
  const tools = toolbox.tools.map((tool) => ({ ...tool, links: tool.links.filter((link) => !modules.has(link)) }));
  return {
    tools: [
      ...tools.filter(({ name }) => !modules.has(name)),
      ...[...modules.keys()].map((name) => ({ name, links: [], source: 'your own' })),
    ],
    module: (name) => modules.get(name) ?? toolbox.module(name),
  };
}
