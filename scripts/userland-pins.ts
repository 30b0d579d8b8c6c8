/** Where the programs of wasm/userland are committed, what describes them, and how their inputs are hashed. */

import { join } from 'node:path';
import { hashOf, root } from './pins.ts';

export const tools = {
  folder: join(root, 'wasm/dist/tools'),
  json: join(root, 'wasm/dist/tools/tools.json'),
} as const;

export interface Tool {
  readonly name: string;
  /** What else it is called by, and behaves as. */
  readonly links: readonly string[];
  /** Debian's source package and its version. */
  readonly source: string;
  readonly version: string;
  /** SPDX. */
  readonly licence: string;
  /** Its fork() works: wasm-opt --asyncify went over it. */
  readonly forks: boolean;
  readonly sha256: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface ToolsJson {
  /** Hash of all that decides what the programs are, beside the Debian packages below. */
  readonly inputs: string;
  readonly libc: string;
  readonly optimiser: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly tools: readonly Tool[];
}

const INPUTS = ['wasm/userland', 'wasm/arch/lkl/include/uapi', 'scripts/userland-finish.ts'];

export const userlandHash = (): string => hashOf(INPUTS);
