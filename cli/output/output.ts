/** Where what a command makes goes: standard output, or a file that has its name only once it is whole. */

import { existsSync, openSync, statSync } from 'node:fs';
import { Failure, isBrokenPipe, reasonOf } from '../failure.ts';
import { type PartialFile, partialFile } from './partial-file.ts';
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
  if (existsSync(path) && !statSync(path).isFile()) {
    return { open: () => explained(path, () => fileSink(openSync(path, 'w'))), commit: () => {} };
  }
  let file: PartialFile | undefined;
  return {
    open: () =>
      explained(path, () => {
        file = partialFile(path);
        return fileSink(file.fd);
      }),
    commit() {
      try {
        file?.commit();
      } catch (cause) {
        throw failed(path, cause);
      }
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
