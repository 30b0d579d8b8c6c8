/**
 * The command in one process for all tests of a file, where what a process is (signals, pipes, threads) is not what they test: see
 * server.ts. Those who test that start one: command.ts, tools-kit.ts.
 */

import { afterAll } from 'vitest';
import { type Env, type Kept, type Server, startServer } from './start-server.ts';

/** Runs command lines one after another; each is waited for, as with spawnSync. The process is started by the first, and ends with the file. */
export function keptLkl(): (args: readonly string[], stdin?: Uint8Array, env?: Env) => Kept {
  let server: Server | undefined;
  afterAll(() => server?.close());
  return (args, stdin = new Uint8Array(), env = {}) => {
    server ??= startServer();
    return server.run(args, stdin, env);
  };
}
