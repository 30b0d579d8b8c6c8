/** What a program reads and writes, as callers of the library have it. */

import { SIGKILL } from '../../abi/uapi/wait.ts';
import { KernelDead } from '../../kernel/errors.ts';
import type { ProgramEnd, RunningProgram } from '../../kernel/program/run/run.ts';
import type { Sink, Source } from '../../kernel/program/run/stdio.ts';

export interface ProgramOptions {
  /** What it reads; pieces are taken as it reads them. Default: nothing. */
  readonly input?: string | Uint8Array | AsyncIterable<string | Uint8Array> | undefined;
  /** Beside PATH, HOME and what every program has. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default: "/". */
  readonly cwd?: string | undefined;
  /** Hears what it writes as it comes, and is waited for; then the result has none of it. */
  readonly stdout?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  readonly stderr?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Kills it (SIGKILL), and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How it ended, `exitCode` or `signal`, and what it wrote. */
export interface ProgramResult {
  /** Absent where a signal ended it. */
  readonly exitCode?: number;
  /** By number. */
  readonly signal?: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs a program by `run`, with these streams.
 *
 * @internal
 */
export async function withStreams(
  { input, env = {}, cwd = '/', stdout, stderr, signal }: ProgramOptions,
  run: (parts: {
    readonly streams: { readonly stdin: Source; readonly stdout: Sink; readonly stderr: Sink };
    readonly env: readonly string[];
    readonly cwd: string;
    readonly started: (program: RunningProgram) => void;
  }) => Promise<ProgramEnd>,
): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const said = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let program: RunningProgram | undefined;
  const kill = () => void program?.kill(SIGKILL).catch(() => {});
  signal?.addEventListener('abort', kill);
  try {
    const end = await run({
      streams: {
        stdin: sourceOf(input),
        stdout: stdout ?? ((bytes) => void said.stdout.push(bytes)),
        stderr: stderr ?? ((bytes) => void said.stderr.push(bytes)),
      },
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd,
      started(running) {
        program = running;
        if (signal?.aborted) kill();
      },
    });
    signal?.throwIfAborted();
    const { exitCode, signal: number } = end;
    return {
      ...(exitCode !== undefined && { exitCode }),
      ...(number !== undefined && { signal: number }),
      stdout: Buffer.concat(said.stdout),
      stderr: Buffer.concat(said.stderr),
    };
  } catch (cause) {
    if (!(cause instanceof KernelDead)) kill();
    throw cause;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

const encoder = new TextEncoder();
const bytesOf = (piece: string | Uint8Array): Uint8Array => (typeof piece === 'string' ? encoder.encode(piece) : piece);

function sourceOf(input: ProgramOptions['input']): Source {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) {
    let rest = input === undefined ? undefined : bytesOf(input);
    return () => {
      const all = rest;
      rest = undefined;
      return all;
    };
  }
  const pieces = input[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await pieces.next();
    return done ? undefined : bytesOf(value);
  };
}
