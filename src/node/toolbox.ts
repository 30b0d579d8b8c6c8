/** The tools of the package: in a checkout they lie beside the kernel, else in the package lkl-linux-tools. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCode } from '../errors/has-code.ts';
import { HostError } from '../errors/host-error.ts';
import type { Toolbox, ToolDescription } from '../tools/toolbox.ts';
import { packageFile } from './package-files.ts';

export const TOOLS_PACKAGE = 'lkl-linux-tools';
const LIST = 'tools.json';

/** Rejects with `no-tools` where there are none. */
export function nodeToolbox(): Toolbox {
  const { folder, list } = find();
  const { tools } = JSON.parse(list) as { readonly tools: readonly ToolDescription[] };
  const names = new Set(tools.map(({ name }) => name));
  /** Compiled at their first use: V8 makes code of a function when that is called first, so it takes milliseconds. */
  const compiled = new Map<string, WebAssembly.Module>();
  return {
    tools,
    module(name) {
      if (!names.has(name)) return undefined;
      const known = compiled.get(name);
      if (known) return known;
      const module = new WebAssembly.Module(readFileSync(join(folder, `${name}.wasm`)));
      compiled.set(name, module);
      return module;
    },
  };
}

/** Where they lie; undefined: they are not installed. */
export function toolFolder(): string | undefined {
  for (const folder of folders()) if (existsSync(join(folder, LIST))) return folder;
  return undefined;
}

function find(): { readonly folder: string; readonly list: string } {
  for (const folder of folders()) {
    const list = readIfThere(join(folder, LIST));
    if (list !== undefined) return { folder, list };
  }
  throw new HostError(
    'no-tools',
    `this needs the package ${TOOLS_PACKAGE}: npm install ${TOOLS_PACKAGE} (a checkout of the source makes it: npm pack -w wasm/dist/tools)`,
  );
}

function* folders(): Generator<string> {
  yield packageFile('wasm/dist/tools');
  try {
    yield dirname(fileURLToPath(import.meta.resolve(`${TOOLS_PACKAGE}/${LIST}`)));
  } catch {
    // Not installed.
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}
