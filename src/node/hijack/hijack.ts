/** Runs a program of this machine on our kernel: its sockets, and what the policy names, are ours. */

import { constants } from 'node:os';
import { hostCall } from '../native/calls.ts';
import { filterOf } from './host/filter.ts';
import { HijackError, launch, obstacle, watchOver } from './host/launch.ts';
import { Policy, type PolicyOptions } from './policy/policy.ts';
import type { HijackedKernel } from './program/kernel.ts';
import { type CallWatch, Supervisor } from './supervisor.ts';

export interface HijackOptions extends PolicyOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A directory that becomes the program's root. */
  readonly root?: string | undefined;
  /** The machine may connect. */
  readonly isOpen?: boolean;
  /** A line for people. */
  readonly say: (text: string) => void;
  /** Told of each call that our kernel answered. */
  readonly watch?: CallWatch | undefined;
  /** Told when the program itself has ended, while others that it started go on. */
  readonly left?: (() => void) | undefined;
}

/** How a program ended. */
export interface ProgramEnd {
  /** As a shell has it: 128 and the signal's number where one ended it. */
  readonly exitCode: number;
  readonly signal?: NodeJS.Signals;
}

export interface HijackedProgram {
  /** Settles when it and all that it started have ended. Rejects with `HijackError`, or with our kernel's end. */
  readonly ended: Promise<ProgramEnd>;
  /** To the program; once that has ended, to what it left. */
  kill(signal: NodeJS.Signals): void;
}

/** The program as it starts. Rejects with `HijackError`: not on this machine, or there is no such program. */
export async function hijack(
  kernel: HijackedKernel,
  program: string,
  args: readonly string[],
  options: HijackOptions,
): Promise<HijackedProgram> {
  const why = obstacle();
  if (why !== undefined) throw new HijackError(why);
  const { env = process.env, root, say, watch, left } = options;
  const policy = new Policy(options);
  adoptOrphans();
  const watcher = await watchOver();
  let failure: HijackError | undefined;
  const { child, listener } = await launch(program, args, { filter: filterOf(policy.filter), env, root }, (message) => {
    failure = new HijackError(`${program}: ${message}`);
  }).catch((cause: unknown) => {
    watcher.end();
    throw cause;
  });
  const supervisor = new Supervisor({
    kernel,
    listener,
    policy,
    isOpen: options.isOpen,
    say,
    watch,
    came: (pid) => watcher.came(pid),
    gone(pid) {
      watcher.gone(pid);
      if (pid !== child.pid) reap(pid);
    },
  });
  const exited = new Promise<ProgramEnd>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { exitCode: code ?? 0 } : { exitCode: 128 + (constants.signals[signal] ?? 0), signal }),
    );
  });
  const ended = (async () => {
    try {
      const first = await Promise.race([exited, supervisor.over.then(() => exited)]);
      if (failure) throw failure;
      const told = setTimeout(() => left?.(), MOMENT_MS);
      await supervisor.over.finally(() => clearTimeout(told));
      return first;
    } finally {
      supervisor.close();
      child.kill('SIGKILL');
      watcher.end();
    }
  })();
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    ended,
    kill(signal) {
      if (!hasEnded()) child.kill(signal);
      else for (const pid of supervisor.processes) killIfThere(pid, signal);
    },
  };
}

/** What the program leaves to itself are children of this process: it can be found, and ends as a child does. */
function adoptOrphans(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  hostCall('prctl', PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

function reap(pid: number): void {
  const WNOHANG = 1;
  hostCall('wait4', pid, 0, WNOHANG, 0);
}

/** What ends with the program takes no longer. */
const MOMENT_MS = 200;

function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
