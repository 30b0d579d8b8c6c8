/** Where the kernel's artefacts are, and how their inputs are hashed. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const dist = {
  vmlinux: join(root, 'wasm/dist/vmlinux.wasm'),
  /** The names of its functions, in the order of their indices, which the snapshot's are too. */
  names: join(root, 'wasm/dist/kernel.names.gz'),
  kernelJson: join(root, 'wasm/dist/kernel.json'),
  snapshot: join(root, 'wasm/dist/kernel.wasm'),
  snapshotJson: join(root, 'wasm/dist/snapshot.json'),
} as const;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All that decides what the kernel binary is, besides the Debian packages that kernel.json names. */
const INPUTS = [
  ...['wasm/arch', 'wasm/patches', 'wasm/config', 'wasm/linux-version', 'wasm/build.sh', 'wasm/cc'],
  'scripts/kernel-finish.ts',
];

const files = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => files(join(path, name)))
    : [path];

/** One hash over the names and contents of files, and of all files in folders, named from the root. */
export function hashOf(inputs: readonly string[]): string {
  const lines = inputs
    .flatMap((input) => files(join(root, input)))
    .map((path) => `${relative(root, path)} ${sha256(readFileSync(path))}`);
  return sha256(new TextEncoder().encode(lines.join('\n')));
}

/** Of the kernel's inputs. */
export const inputHash = (): string => hashOf(INPUTS);
