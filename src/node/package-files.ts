/** Where the package's own data lies: beside the sources in a checkout, beside the compiled code when installed. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KERNEL = 'wasm/dist/kernel.wasm';

/** The nearest folder above this file that has the kernel: compiled code may lie deeper, or less deep, than its source. */
function packageRoot(): string {
  const here = fileURLToPath(import.meta.url);
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    if (existsSync(join(folder, KERNEL))) return folder;
    if (folder === dirname(folder)) throw new Error(`the kernel is missing: there is no ${KERNEL} above ${here}`);
  }
}

let root: string | undefined;

/** The path of a file of the package, named from its root with slashes. */
export function packageFile(name: string): string {
  root ??= packageRoot();
  return join(root, ...name.split('/'));
}

export const readPackageFile = (name: string): Promise<Uint8Array<ArrayBuffer>> => readFile(packageFile(name));
