/** Keeps two processes from writing one file: Node has no flock(2), so a file beside it says who does. */

import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { HostError } from '../errors/host-error.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/**
 * Takes `path`.lock; answers how to give it back. Throws `image-in-use` while a process has it that lives on this machine,
 * or that is of another one; what a dead process left is taken over.
 */
export function lockFile(path: string): () => void {
  const name = `${path}.lock`;
  const own = `${name}.${process.pid}`;
  // Written whole under a name of our own first: link(2) then makes it the lock or fails, and nobody reads half of it.
  writeFileSync(own, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder));
  try {
    if (!tryLink(own, name)) {
      const holder = holderOf(name);
      if (holder === undefined || isAlive(holder)) throw inUse(path, name, holder);
      rmSync(name, { force: true });
      if (!tryLink(own, name)) throw inUse(path, name, holderOf(name));
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(name, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw cause;
  }
}

/** Undefined: it says nothing that is understood. */
function holderOf(name: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(readFileSync(name, 'utf8')) as Partial<Holder>;
    return Number.isSafeInteger(pid) && typeof host === 'string' ? { pid: Number(pid), host } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function inUse(path: string, name: string, holder: Holder | undefined): HostError {
  const who = holder ? `process ${holder.pid} of ${holder.host} writes it` : 'somebody writes it';
  return new HostError('image-in-use', `${path}: ${who}; if that is not so, remove ${name}`);
}
