/** Mounts and unmounts a file system in user space: by fusermount3, which needs no root, or as root by mount(2). */

import { spawn } from 'node:child_process';
import { closeSync, openSync, realpathSync, statSync } from 'node:fs';
import { cstring, mustCall, receiveDescriptor, socketPair } from '../native/calls.ts';

export interface FuseMountOptions {
  /** What mount(8) and df(1) call the file system. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Whether other users may use the mount. */
  readonly allowOther: boolean;
  /** Linux checks permissions by modes and owners. */
  readonly checksPermissions: boolean;
}

/** What is wrong with a mount point, or with what is to mount there. */
export class MountError extends Error {
  override readonly name = 'MountError';
}

const MS_RDONLY = 1;
const MS_NOSUID = 2;
const MS_NODEV = 4;
const S_IFMT = 0o170000;

/** The descriptor by which Linux asks for what is below `directory` from now on. */
export async function mountFuse(directory: string, options: FuseMountOptions): Promise<number> {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) throw new MountError(`${directory}: there is no such directory to mount on`);
  return process.geteuid?.() === 0
    ? mountAsRoot(realpathSync(directory), stats.mode, options)
    : mountByHelper(directory, options);
}

function mountAsRoot(directory: string, mode: number, options: FuseMountOptions): number {
  const fd = openSync('/dev/fuse', 'r+');
  try {
    const words = [
      `fd=${fd},rootmode=${(mode & S_IFMT).toString(8)},user_id=0,group_id=0`,
      ...(options.checksPermissions ? ['default_permissions'] : []),
      ...(options.allowOther ? ['allow_other'] : []),
    ];
    const flags = MS_NOSUID | MS_NODEV | (options.readOnly ? MS_RDONLY : 0);
    const [source, target, type] = [options.source, directory, 'fuse.lkl'].map(cstring);
    mustCall('mount', source ?? 0, target ?? 0, type ?? 0, flags, cstring(words.join(',')));
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

/** fusermount3 mounts, and sends the descriptor over a socket that it finds by its number in the environment. */
async function mountByHelper(directory: string, options: FuseMountOptions): Promise<number> {
  const words = [
    // Commas part options: fusermount3 takes them with a backslash before.
    `fsname=${options.source.replaceAll(/[\\,]/g, '\\$&')}`,
    'subtype=lkl',
    'nosuid',
    'nodev',
    ...(options.readOnly ? ['ro'] : []),
    ...(options.checksPermissions ? ['default_permissions'] : []),
    ...(options.allowOther ? ['allow_other'] : []),
  ];
  const [ours, theirs] = socketPair();
  try {
    const { code, said } = await run('fusermount3', ['-o', words.join(','), '--', directory], theirs);
    const fd = receiveDescriptor(ours);
    if (fd !== undefined) return fd;
    throw new MountError(said || `fusermount3 ended with ${code}`);
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

function run(command: string, args: readonly string[], socket?: number): Promise<Ended> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
    env: { ...process.env, LC_ALL: 'C', ...(socket !== undefined && { _FUSE_COMMFD: '3' }) },
  });
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(
        'code' in cause && cause.code === 'ENOENT'
          ? new MountError(`${command} is missing: it comes with fuse3`)
          : cause,
      ),
    );
    child.on('close', (code) => resolve({ code, said: Buffer.concat(said).toString().trim() }));
  });
}

/**
 * Takes the mount away. What was written to it is flushed by Linux first, which whoever serves it must go on answering. `busy`: somebody
 * uses it, and nothing was done; `lazy` takes it away then too, for whoever has nothing open in it.
 */
export async function unmountFuse(directory: string, { lazy = false } = {}): Promise<'done' | 'busy'> {
  const isRoot = process.geteuid?.() === 0;
  const [command, args] = isRoot ? ['umount', lazy ? ['-l'] : []] : ['fusermount3', ['-u', ...(lazy ? ['-z'] : [])]];
  const { code, said } = await run(command, [...args, '--', directory]);
  if (code === 0) return 'done';
  if (/busy/i.test(said)) return 'busy';
  throw new MountError(said || `${command} ended with ${code}`);
}
