/** Where what a command makes goes: standard output, or a file that has its name only once it is whole. */

import { closeSync, existsSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure, isBrokenPipe, reasonOf } from '../failure.ts';
import { type ByteSink, fileSink, stdoutSink } from './sink.ts';

export interface Output {
  /** To be called once. What it answers fails with a Failure, or as a broken pipe does. */
  open(): ByteSink;
  /** Call it when all is written; what is not committed is removed at exit. */
  commit(): void;
}

/** `path` undefined or `-`: standard output, which must not be a terminal. `what` it is, for people: "a tar". */
export function openOutput(path: string | undefined, what: string): Output {
  if (path === undefined || path === '-') {
    if (process.stdout.isTTY) {
      throw new Failure('usage', `${what} does not belong on a terminal: redirect the output, or name a file with -o`);
    }
    return { open: () => explained(what, stdoutSink), commit: () => {} };
  }
  const exists = existsSync(path);
  if (exists && !statSync(path).isFile()) {
    return { open: () => explained(what, () => fileSink(openSync(path, 'w'))), commit: () => {} };
  }
  const target = exists ? realpathSync(path) : path;
  const partial = join(dirname(target), `.lkl-${process.pid}.partial`);
  const remove = () => rmSync(partial, { force: true });
  let fd: number | undefined;
  return {
    open: () =>
      explained(what, () => {
        fd = openSync(partial, 'wx', 0o666);
        process.once('exit', remove);
        return fileSink(fd);
      }),
    commit() {
      try {
        if (fd !== undefined) {
          fsyncSync(fd);
          closeSync(fd);
        }
        renameSync(partial, target);
      } catch (cause) {
        throw failed(what, cause);
      }
      process.off('exit', remove);
    },
  };
}

/** For what is shown: nothing of it is a whole that could be missing. */
export const standardOutput = (): ByteSink => explained('standard output', stdoutSink);

const failed = (what: string, cause: unknown): unknown =>
  isBrokenPipe(cause) ? cause : new Failure('failed', `${what} cannot be written: ${reasonOf(cause)}`);

function explained(what: string, make: () => ByteSink): ByteSink {
  const rethrow = (cause: unknown): never => {
    throw failed(what, cause);
  };
  try {
    const sink = make();
    return {
      write(bytes) {
        try {
          return sink.write(bytes)?.catch(rethrow);
        } catch (cause) {
          return rethrow(cause);
        }
      },
      end: () => sink.end().catch(rethrow),
    };
  } catch (cause) {
    return rethrow(cause);
  }
}
