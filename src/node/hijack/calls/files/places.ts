/** Where a path of a program's lies: in our kernel, or on the machine. */

import type { OpenFile } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import type { KernelTask } from '../../program/kernel-task.ts';

/** A path for the calls whose names end with "at". */
export interface Place {
  readonly dirfd: number;
  readonly path: Uint8Array;
  /** It is what a descriptor of the program's has open. */
  readonly of?: OpenFile;
}

const AT_FDCWD = -100;
const SLASH = 0x2f;

/** Without "." and "..", and slashes that say nothing; a symlink on the way is not looked at. */
export function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Which arguments name the file. */
export interface Named {
  /** The descriptor of a directory; absent: the path is as it is. */
  readonly directory?: number;
  readonly path: number;
  /** An empty path, or none, is the descriptor itself (AT_EMPTY_PATH). */
  readonly mayBeEmpty?: boolean;
}

/** The place in our kernel; undefined: it is the machine's. */
export function placeOf(call: Call, { directory, path: index, mayBeEmpty = false }: Named): Place | undefined {
  const at = call.size(index);
  if (at === 0 && !mayBeEmpty) return undefined;
  const path = at === 0 ? new Uint8Array(0) : call.memory.string(at);
  const dirfd = directory === undefined ? AT_FDCWD : call.int(directory);
  if (path[0] !== SLASH && dirfd !== AT_FDCWD) {
    const file = call.around.fileOf(call.thread, dirfd);
    if (file === 'none') return undefined;
    if (typeof file === 'object') return { dirfd: file.fd, path };
    if (path.length === 0) return undefined;
  }
  const absolute = absoluteOf(call, dirfd, path);
  const of = absolute === undefined ? undefined : descriptorAt(call, absolute);
  if (of) return { dirfd: AT_FDCWD, path: Buffer.from(`/proc/self/fd/${of.fd}`), of };
  const told = absolute === undefined ? undefined : descriptorAt(call, absolute.replace('/fdinfo/', '/fd/'));
  if (told) return { dirfd: AT_FDCWD, path: Buffer.from(`/proc/self/fdinfo/${told.fd}`) };
  const ours = absolute === undefined ? undefined : mapped(call, absolute);
  if (ours === undefined) return undefined;
  // A slash at the end asks for a directory.
  const text = path.at(-1) === SLASH ? `${ours}/` : ours;
  return { dirfd: AT_FDCWD, path: Buffer.from(text, 'latin1') };
}

const DESCRIPTOR =
  /^(?:\/proc\/(self|thread-self|\d+)(?:\/task\/(\d+))?\/fd\/(\d+)|\/dev\/fd\/(\d+)|\/dev\/std(in|out|err))$/;
const STANDARD: Readonly<Record<string, number>> = { in: 0, out: 1, err: 2 };

/** The file of ours that a path names by its descriptor: to the machine it is a placeholder. */
function descriptorAt(call: Call, absolute: string): OpenFile | undefined {
  if (!absolute.startsWith('/proc/') && !absolute.startsWith('/dev/')) return undefined;
  const [, process = 'self', thread, there, here, standard] = DESCRIPTOR.exec(absolute) ?? [];
  const number = there ?? here ?? (standard === undefined ? undefined : STANDARD[standard]);
  return number === undefined ? undefined : call.around.descriptorOf(call.thread, thread ?? process, Number(number));
}

/** What an absolute path is in our kernel; undefined: it is the machine's. */
export const mapped = (call: Call, absolute: string): string | undefined =>
  call.around.policy.pathOf(absolute, { of: (pid) => call.around.taskOf(Number(pid))?.task.pid });

/** Bytes as characters. */
function absoluteOf(call: Call, dirfd: number, path: Uint8Array): string | undefined {
  const text = Buffer.from(path).toString('latin1');
  if (path[0] === SLASH) return normalized(text);
  const { proc } = call.thread;
  const base = dirfd === AT_FDCWD ? proc.directory : proc.pathOf(dirfd);
  return base?.startsWith('/') ? normalized(`${Buffer.from(base).toString('latin1')}/${text}`) : undefined;
}

/** A handler for calls on a path: the machine's kernel answers where it is none of ours. */
export const onPath =
  (named: Named, work: (call: Call, task: KernelTask, place: Place) => Promise<Answer>): Handler =>
  (call) => {
    const place = placeOf(call, named);
    if (!place) return 'host';
    const task = call.task();
    return task instanceof Promise ? task.then((ready) => work(call, ready, place)) : work(call, task, place);
  };
