/** What would be left behind if this process ended now: files that have a name only while it works, work of other processes. */

import { rmSync } from 'node:fs';

/** A file or a folder of this path that is removed then, or what is done then. */
export interface Left {
  readonly path: string;
}
export type Undo = Left | (() => void);

const left = new Set<Undo>();
let changed: (left: ReadonlySet<Undo>) => void = () => {};

/** Until what is answered is called. Whoever has the process says when it ends: `cleanUp`. */
export function leaves(what: string | (() => unknown)): () => void {
  const one: Undo = typeof what === 'string' ? { path: what } : () => what();
  left.add(one);
  changed(left);
  return () => {
    if (left.delete(one)) changed(left);
  };
}

/** `listener` is told whenever there begins or ceases to be something. One at a time. */
export function watchLeft(listener: (left: ReadonlySet<Undo>) => void): void {
  changed = listener;
  if (left.size > 0) listener(left);
}

/** The last first, so that a lock is the last to go. What cannot be removed keeps nothing else from it. */
export function cleanUp(): void {
  for (const one of [...left].reverse()) {
    left.delete(one);
    try {
      if (typeof one === 'function') one();
      else rmSync(one.path, { recursive: true, force: true });
    } catch {
      // whoever comes next sees it there
    }
  }
}
