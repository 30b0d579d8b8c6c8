/** Which modules are programs of WASI's preview 1 instead of ours. */

export const WASI = 'wasi_snapshot_preview1';

const known = new WeakMap<WebAssembly.Module, boolean>();

/** One that imports anything of it. */
export function isWasi(module: WebAssembly.Module): boolean {
  const before = known.get(module);
  if (before !== undefined) return before;
  const found = WebAssembly.Module.imports(module).some((wanted) => wanted.module === WASI);
  known.set(module, found);
  return found;
}
