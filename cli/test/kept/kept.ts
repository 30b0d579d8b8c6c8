/**
 * The command in one process for all tests of a file, where what a process is (signals, pipes, threads) is not what they test: see
 * server.ts. Those who test that start one: command.ts, tools-kit.ts.
 */

import { spawnSync } from 'node:child_process';
import { afterAll } from 'vitest';
import { launcher } from '../launcher.ts';
import { type Env, type Kept, type Server, startServer } from './start-server.ts';

type Lkl = (args: readonly string[], stdin?: Uint8Array, env?: Env) => Kept;

/** Runs command lines one after another; each is waited for, as with spawnSync. The process is started by the first, and ends with the file. */
export function keptLkl(): Lkl {
  // For whoever looks at a test that fails: whether it does so without the others' process.
  if (process.env.LKL_TEST_PROCESSES !== undefined) return eachItsOwn;
  let server: Server | undefined;
  afterAll(() => server?.close());
  return (args, stdin = new Uint8Array(), env = {}) => {
    server ??= startServer();
    try {
      return server.run(args, stdin, env);
    } catch (cause) {
      void server.close();
      server = undefined;
      throw cause;
    }
  };
}

const eachItsOwn: Lkl = (args, input = new Uint8Array(), env = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    input,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 30,
  });
  return { exitCode: status ?? Number.NaN, stdout, stderr: stderr.toString() };
};
