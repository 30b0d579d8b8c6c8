/** Starts the process of server.ts, and asks it. */

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../src/errors/has-code.ts';
import { launcher } from '../launcher.ts';
import type { Answer, Request } from './messages.ts';

export interface Kept {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export type Env = Readonly<Record<string, string>>;

export interface Server {
  run(args: readonly string[], stdin: Uint8Array, env: Env): Kept;
  /** Settles when the process is gone. */
  close(): Promise<void>;
}

/** Not one that a test has made its own since, to see what is left in it. */
const temporary = tmpdir();

export function startServer(): Server {
  const folder = mkdtempSync(join(temporary, 'lkl-kept-'));
  const [requests, answers, stdout, stderr] = ['requests', 'answers', 'stdout', 'stderr'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  execFileSync('mkfifo', [requests, answers]);
  const files = [openSync(stdout, 'w'), openSync(stderr, 'w')] as const;
  const program = join(launcher, '../../dist/kept.js');
  const child = spawn(process.execPath, [program, requests, answers], { stdio: ['pipe', ...files] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (const file of files) closeSync(file);
  const to = opened(requests);
  const waiting = openSync(answers, 'r');
  const from = openSync(answers, constants.O_RDONLY | constants.O_NONBLOCK);
  closeSync(waiting);

  const answer = (args: readonly string[]): Answer => {
    const piece = Buffer.alloc(1024);
    const length = retried(
      MOST_TRIES,
      'EAGAIN',
      () => readSync(from, piece),
      () => {
        child.kill('SIGKILL');
        return new Error(`lkl ${args.join(' ')} has not ended`);
      },
    );
    if (length === 0) throw new Error(`the kept command ended: ${readFileSync(stderr, 'utf8')}`);
    return JSON.parse(piece.toString('utf8', 0, length));
  };
  return {
    run(args, stdin, env) {
      const request: Request = {
        ...{ launcher, args, stdout, stderr },
        env: { ...process.env, ...env },
        stdin: Buffer.from(stdin).toString('base64'),
      };
      const line = Buffer.from(`${JSON.stringify(request)}\n`);
      for (let done = 0; done < line.length; ) done += writeSync(to, line, done);
      const { exitCode } = answer(args);
      return { exitCode, stdout: readFileSync(stdout), stderr: readFileSync(stderr, 'utf8') };
    },
    async close() {
      closeSync(to); // it ends at the end of what it is asked
      await ended;
      closeSync(from);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Where nobody has come to read it in a minute that is told: an open that waits would wait for ever. */
function opened(path: string): number {
  const { O_WRONLY, O_NONBLOCK } = constants;
  const looking = retried(MOST_OPENING, 'ENXIO', () => openSync(path, O_WRONLY | O_NONBLOCK));
  const fd = openSync(path, 'w'); // one that waits for room, as what it is asked may be long
  closeSync(looking);
  return fd;
}

const PAUSE_MS = 2;
const MOST_OPENING = 60_000 / PAUSE_MS;
/** While one waits no timer runs in this process, that of the test's own limit neither: a command that never ends would hold up all tests. */
const MOST_TRIES = 600_000 / PAUSE_MS;

/** What `work` answers, as soon as it fails no more with `code`. Pauses are counted: on a busy machine they are longer. */
function retried<T>(most: number, code: string, work: () => T, over: () => unknown = () => undefined): T {
  for (let tries = 0; ; tries++) {
    try {
      return work();
    } catch (cause) {
      if (!hasCode(cause, code)) throw cause;
      if (tries === most) throw over() ?? cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
