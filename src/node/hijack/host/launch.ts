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

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The files that a command may name, as a shell looks for them. */
const candidatesOf = (name: string, path: string): readonly string[] =>
  name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder || '.', name));

/** The file that a command names. Throws `HijackError`: none, or none that may be executed. */
export function findProgram(name: string, path = process.env.PATH ?? PATH): string {
  let refused: string | undefined;
  for (const file of candidatesOf(name, path)) {
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
  /** A directory that becomes its root, where it is looked for. */
  readonly root?: string | undefined;
}

/** Settles when the filter is over it, before it is executed; `failed` is told the errno if that fails later. */
export async function launch(
  program: string,
  args: readonly string[],
  { filter, env, root }: LaunchOptions,
  failed: (message: string) => void,
): Promise<Launched> {
  const [ours, theirs] = socketPair();
  // What an image has under a name its own links say.
  const paths = root === undefined ? [findProgram(program, env.PATH)] : candidatesOf(program, env.PATH ?? PATH);
  const child = spawn(helperPath(), [root ?? '', ...paths, '--', program, ...args], {
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

/** Whoever kills what is left of the programs when this process has gone, by whatever way. */
export interface Watch {
  came(pid: number): void;
  gone(pid: number): void;
  /** Kills those that are left. */
  end(): void;
}

export async function watchOver(): Promise<Watch> {
  const [ours, theirs] = socketPair();
  // In a session of its own: what a terminal sends to all is not for it.
  const child = spawn(helperPath(), [], { stdio: ['ignore', 'ignore', 'ignore', theirs], detached: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(new HijackError(`the helper does not start: ${cause.message}`)));
    });
  } catch (cause) {
    hostCall('close', ours);
    throw cause;
  } finally {
    hostCall('close', theirs);
  }
  child.unref();
  const number = new Int32Array(1);
  const tell = (value: number) => {
    number[0] = value;
    hostCall('write', ours, number, number.byteLength);
  };
  return { came: tell, gone: (pid) => tell(-pid), end: () => void hostCall('close', ours) };
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
  switch (String.fromCharCode(what)) {
    case 'X':
      return errno === os.errno.ENOENT
        ? 'there is no such program in the root, or not what it is executed by'
        : `the program cannot be executed (${reason})`;
    case 'U':
      return `this machine does not let you have a root of your own (${reason}): it takes root, or namespaces of users (user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)`;
    case 'R':
      return `the root cannot be entered (${reason})`;
    case 'F':
      return noFilter(errno, reason);
    default:
      return 'the helper ended before it had a filter';
  }
}

function noFilter(errno: number, reason: string): string {
  if (errno === os.errno.EBUSY)
    return 'another supervisor already answers system calls here (a container, or lkl hijack itself): seccomp allows one';
  return `this machine does not let system calls be answered (seccomp: ${reason}); it needs Linux 5.14 or later, and a container that allows it`;
}
