/** A wasm instance with its memory: the machine a kernel runs on. It may serve one kernel after another, never two. */

import { type ExportName, kernelExports } from '../abi/exports.ts';
import { type HostImports, type ImportName, kernelImports } from '../abi/imports.ts';
import { KernelMemory } from './memory.ts';
import { unwinding } from './tasks/unwinding.ts';

const WASM_PAGE = 65_536;

/** Behind the most memory that a kernel may have there is room for the host. */
export const HOST_BYTES = WASM_PAGE;

/** What answers the imports at present; what a row of the table means is in abi/imports.ts. */
export type ImportHandlers = HostImports;
type AnyImport = (a: number, b: number, c: number, d: number, e: number) => unknown;

/** Whatever calls the host between two kernels belongs to a dead one, and goes no further. */
const unbound = Object.fromEntries(
  Object.keys(kernelImports).map((name) => [
    name,
    () => {
      throw unwinding;
    },
  ]),
) as unknown as ImportHandlers;

type MachineExports = { readonly [N in ExportName]: (...args: number[]) => number };

export class Machine {
  readonly memory: KernelMemory;
  /** What a kernel's memory may grow to, whatever runs in it (but for the host's room). */
  readonly maximumBytes: number;
  readonly #exports: MachineExports;
  #handlers: ImportHandlers = unbound;
  #occupied = false;

  constructor(module: WebAssembly.Module, memoryBytes: number, maximumBytes: number) {
    const maximum = Math.floor((maximumBytes + HOST_BYTES) / WASM_PAGE);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(memoryBytes / WASM_PAGE), maximum });
    this.maximumBytes = maximumBytes;
    const imports = Object.entries(kernelImports).map(([key, row]) => {
      const name = key as ImportName;
      const call = (a = 0, b = 0, c = 0, d = 0, e = 0) => (this.#handlers[name] as AnyImport)(a, b, c, d, e);
      return [name, 'suspends' in row ? new WebAssembly.Suspending(call) : call];
    });
    const instance = new WebAssembly.Instance(module, { env: { memory }, host: Object.fromEntries(imports) });
    this.#exports = instance.exports as unknown as MachineExports;
    this.memory = new KernelMemory(memory);
  }

  /** To `bytes` at least. */
  grow(bytes: number): void {
    const pages = Math.ceil((bytes - this.memory.size) / WASM_PAGE);
    if (pages > 0) this.memory.memory.grow(pages);
  }

  /** A kernel runs on it from now on. */
  bind(handlers: ImportHandlers): void {
    if (this.#occupied) throw new Error('something of the kernel before is still in this machine');
    this.#occupied = true;
    this.#handlers = handlers;
  }

  /** The kernel is dead: what is left of it gets no further than to its next call of the host. */
  unbind(): void {
    this.#handlers = unbound;
  }

  /** Nothing is left of the kernel: the machine may serve the next. */
  release(): void {
    this.#occupied = false;
  }

  /** Call an export that never suspends. */
  call(name: ExportName, ...args: number[]): number {
    return this.#exports[name](...args);
  }

  /** An export as a function whose stack may be suspended. */
  promising(name: ExportName): (...args: number[]) => Promise<unknown> {
    if (!('suspends' in kernelExports[name])) throw new Error(`export ${name} does not suspend`);
    return WebAssembly.promising(this.#exports[name]);
  }
}
