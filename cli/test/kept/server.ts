/**
 * A process that runs one command line after another, for tests: what V8 compiled of the kernel and of the command is still there
 * for the next one, which so takes a sixth of the CPU time of a process of its own. Standard output and error are files, standard input
 * is a socket, as those of a process that is started are. What ends a command here: its last statement, or `process.exit`.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { CommanderError } from 'commander';
import { cleanUp } from '../../../src/node/left-behind.ts';
import { allWritten } from '../../output/all-written.ts';
import { report, runCommand } from '../../run-command.ts';
import { cleanUpAtEnd } from '../../signals.ts';
import type { Answer, Request } from './messages.ts';

const [node = '', , requests = '', answers = ''] = process.argv;
// In the order in which the other side opens them: each waits for it.
const from = openSync(requests, 'r');
const to = openSync(answers, 'w');
cleanUpAtEnd();
const { exit } = process;

for (let request = nextRequest(); request; request = nextRequest()) {
  const answer = JSON.stringify({ exitCode: await run(request) } satisfies Answer);
  writeSync(to, `${answer}\n`);
}
exit(0);

/** Nothing else is to be done meanwhile, so this waits; undefined: whoever asked is gone. */
function nextRequest(): Request | undefined {
  const piece = Buffer.alloc(65_536);
  let text = Buffer.alloc(0);
  while (!text.includes('\n')) {
    const length = readSync(from, piece);
    if (length === 0) return undefined;
    text = Buffer.concat([text, piece.subarray(0, length)]);
  }
  return JSON.parse(text.toString());
}

async function run({ launcher, args, env, stdin, stdout, stderr }: Request): Promise<number> {
  become(1, stdout);
  become(2, stderr);
  process.argv = [node, launcher, ...args];
  process.env = env;
  process.exitCode = undefined;
  const input = Readable.from(stdin === '' ? [] : [Buffer.from(stdin, 'base64')], { objectMode: false });
  Object.defineProperty(process, 'stdin', { configurable: true, value: input });
  const ended = Promise.withResolvers<number>();
  process.exit = (code) => {
    const exitCode = Number(code ?? process.exitCode ?? 0);
    ended.resolve(exitCode);
    throw new CommanderError(exitCode, 'exit', ''); // of which nothing is told
  };
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (cause) => ended.resolve(report(cause)));
  runCommand(process.argv).then(() => ended.resolve(Number(process.exitCode ?? 0)), ended.reject);
  const exitCode = await ended.promise;
  await allWritten();
  cleanUp();
  return exitCode;
}

/** The lowest descriptor that is free is given: `fd`, which all streams of this process go on to use. */
function become(fd: number, path: string): void {
  closeSync(fd);
  const opened = openSync(path, 'w');
  if (opened !== fd) throw new Error(`${fd} is ${opened}`);
}
