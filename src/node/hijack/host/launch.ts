/** Starts a program under a filter, and brings back the listener that its calls come out of. */

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { delimiter, join } from 'node:path';
import { errnoName } from '../../../abi/errno.ts';
import { hostCall, module, receiveDescriptor, socketPair } from '../../native/calls.ts';
import { native, READABLE } from '../../native/native.ts';
import { packageFile } from '../../package-files.ts';

/** Why it cannot be had here, or could not be started: a line for people. */
export class HijackError extends Error {
  override readonly name = 'HijackError';
}

/** What is missing on this machine; undefined: nothing. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux' || !native() || !existsSync(helperPath()))
    return `running programs on this kernel needs Linux 5.14 or later on x64 or arm64 (seccomp user notification): this is ${process.platform} on ${process.arch}`;
  return undefined;
}

const helperPath = (): string => packageFile(`src/node/hijack/helper/linux-${process.arch}`);

/** The file that a command names, as a shell finds it. Throws `HijackError`: none, or none that may be executed. */
export function findProgram(name: string, path = process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'): string {
  const candidates = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder || '.', name));
  let refused: string | undefined;
  for (const file of candidates) {
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
      refused ??= 'is no program';
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code === 'EACCES') refused ??= 'may not be executed';
    }
  }
  throw new HijackError(`${name}: ${refused ?? 'there is no such program'}`);
}

export interface Launched {
  readonly child: ChildProcess;
  /** The descriptor of the listener. */
  readonly listener: number;
}

export interface LaunchOptions {
  readonly filter: Uint8Array;
  readonly env: NodeJS.ProcessEnv;
}

/** Settles when the filter is over it, before it is executed; `failed` is told the errno if that fails later. */
export async function launch(
  program: string,
  args: readonly string[],
  { filter, env }: LaunchOptions,
  failed: (message: string) => void,
): Promise<Launched> {
  const [ours, theirs] = socketPair();
  const child = spawn(helperPath(), [findProgram(program, env.PATH), program, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', theirs],
    env,
  });
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new HijackError(`the helper does not start: ${cause.message}`)));
  });
  try {
    await started;
    hostCall('close', theirs);
    const length = new Uint8Array(Uint32Array.of(filter.length).buffer);
    const message = Buffer.concat([length, filter]);
    hostCall('write', ours, message, message.length);
    return { child, listener: await listenerFrom(ours, failed) };
  } catch (cause) {
    child.kill('SIGKILL');
    throw cause;
  }
}

function listenerFrom(socket: number, failed: (message: string) => void): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const storage = new Uint8Array(module().watchBytes());
  const words = new Uint8Array(2);
  let listener: number | undefined;
  const end = () => {
    module().unwatch(storage);
    hostCall('close', socket);
  };
  module().watch(storage, socket, () => {
    if (listener === undefined) {
      listener = receiveDescriptor(socket, words);
      if (listener !== undefined) return resolve(listener);
      end();
      return reject(new HijackError(whyNot(words)));
    }
    // Closed when the program is executed: two bytes come only when that fails.
    if (hostCall('read', socket, words, 2) === 2) failed(whyNot(words));
    end();
  });
  module().arm(storage, READABLE);
  return promise;
}

function whyNot([what = 0, errno = 0]: Uint8Array): string {
  const reason = errnoName(errno) ?? `errno ${errno}`;
  if (what === 'X'.charCodeAt(0)) return `the program cannot be executed (${reason})`;
  if (what !== 'F'.charCodeAt(0)) return 'the helper ended before it had a filter';
  if (errno === os.errno.EBUSY)
    return 'another supervisor already answers system calls here (a container, or lkl hijack itself): seccomp allows one';
  return `this machine does not let system calls be answered (seccomp: ${reason}); it needs Linux 5.14 or later, and a container that allows it`;
}
