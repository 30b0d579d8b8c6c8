/** Programs that a caller brings, and the tools of the package. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HostError } from '../../errors/host-error.ts';
import { nodeToolbox } from '../../node/toolbox.ts';
import { type OwnProgram, ownModule, ownProgram, withOwnPrograms } from '../../tools/own-programs.ts';
import type { Toolbox } from '../../tools/toolbox.ts';
import { argumentError } from '../files/paths.ts';

/** A module that lkl-cc made of C, or one of WASI (preview 1): a path, a `file:` URL, its bytes, or compiled already. */
export type ProgramModule = string | URL | Uint8Array | ArrayBuffer | WebAssembly.Module;

/** By the names that they are called by: each is /bin/NAME, beside the tools of the package lkl-linux-tools where that is installed. */
export type Programs = Readonly<Record<string, ProgramModule>>;

const NAME = /^[^/\0\n]{1,200}$/;

/**
 * Rejects with `bad-program` for a module that cannot run, and with `no-tools` where there is nothing to run.
 *
 * @internal
 */
export function toolboxOf(programs: Programs): Toolbox {
  const own = Object.entries(programs).map(([name, module]) => {
    if (!NAME.test(name) || name === '.' || name === '..')
      throw argumentError('ERR_INVALID_ARG_VALUE', `${JSON.stringify(name)} is no name of a program`);
    return programOf(name, module);
  });
  return withOwnPrograms(toolsOr(own.length > 0), own);
}

function programOf(name: string, module: ProgramModule): OwnProgram {
  if (module instanceof WebAssembly.Module) return ownModule(name, module);
  if (typeof module === 'string') return ownProgram(name, readFileSync(module));
  if (module instanceof URL) return ownProgram(name, readFileSync(fileURLToPath(module)));
  if (module instanceof ArrayBuffer) return ownProgram(name, new Uint8Array(module));
  if (module instanceof Uint8Array) return ownProgram(name, new Uint8Array(module));
  throw argumentError('ERR_INVALID_ARG_TYPE', `${name} is a path, a URL, bytes or a module, not ${typeof module}`);
}

let tools: Toolbox | undefined;

/** What one kernel compiled the next one has. */
function toolsOr(none: boolean): Toolbox {
  try {
    tools ??= nodeToolbox();
    return tools;
  } catch (cause) {
    if (none && cause instanceof HostError && cause.kind === 'no-tools') return { tools: [], module: () => undefined };
    throw cause;
  }
}
