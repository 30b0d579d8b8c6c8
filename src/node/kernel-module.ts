/** The package's kernel, compiled once a process. */

import { readPackageFile } from './package-files.ts';

let compiled: Promise<WebAssembly.Module> | undefined;

/** Compiling it takes about a tenth of a second. Rejects where it cannot be read. */
export function kernelModule(): Promise<WebAssembly.Module> {
  compiled ??= readPackageFile('wasm/dist/kernel.wasm')
    .then((bytes) => WebAssembly.compile(bytes))
    .catch((cause) => {
      compiled = undefined; // the next one may find it
      throw cause;
    });
  return compiled;
}

/** Another thread compiles it. What it does not get is compiled here. */
export function awaitKernelModule(elsewhere: Promise<WebAssembly.Module>): void {
  compiled = elsewhere.catch(() => {
    compiled = undefined;
    return kernelModule();
  });
}
