/** What --version says: the package, its Linux, and the Debian source that was built. */

import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { packageFile } from '../src/node/package-files.ts';

interface KernelDescription {
  readonly linux: string;
  readonly packages: Readonly<Record<string, string>>;
}

export function versionText(): string {
  const { linux, packages }: KernelDescription = JSON.parse(readFileSync(packageFile('wasm/dist/kernel.json'), 'utf8'));
  const source = Object.entries(packages).find(([name]) => name.startsWith('linux-source'));
  return `lkl ${packageJson.version} (Linux ${linux}, Debian ${source?.join(' ')})`;
}
