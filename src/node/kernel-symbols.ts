/** The names of the kernel's functions, read from the package when somebody wants to see a backtrace. */

import { gunzipSync } from 'node:zlib';
import { backtrace, type KernelSymbols, parseSymbols } from '../kernel/log/symbols.ts';
import { readPackageFile } from './package-files.ts';

const NAMES = 'wasm/dist/kernel.names.gz';

let symbols: Promise<KernelSymbols> | undefined;

/** Read once. Rejects where the package has come without the list: names are nothing a kernel needs. */
export function kernelSymbols(): Promise<KernelSymbols> {
  symbols ??= readPackageFile(NAMES).then((gz) => parseSymbols(new TextDecoder().decode(gunzipSync(gz))));
  return symbols;
}

/** Where a kernel was when it ended, as lines with the names of its functions; undefined where the error does not tell. */
export async function kernelBacktrace(error: unknown): Promise<string | undefined> {
  return backtrace(error, await kernelSymbols().catch(() => []));
}
