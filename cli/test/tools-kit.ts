/** The command as people call it, in a folder of its own that is gone afterwards. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { keptLkl } from './kept/kept.ts';
import { launcher } from './launcher.ts';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** As a process of its own. One after another: each takes all that a core has. */
export function lkl(args: readonly string[], { env = {}, input = '' }: Given = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** The same in a process that is kept for all command lines of a file. */
export function keptTools(): typeof lkl {
  const run = keptLkl();
  return (args, { env = {}, input = '' } = {}) => {
    const { exitCode, stdout, stderr } = run(args, Buffer.from(input), env);
    return { status: exitCode, stdout: stdout.toString(), stderr };
  };
}

export const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Answers paths in it. */
export function testFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-tools-test-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return (name) => join(folder, name);
}
