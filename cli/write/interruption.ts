/** What a signal does to a verb that writes an image: its work ends between two calls, and the image is unmounted; a second one ends all at once. */

import { constants } from 'node:os';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { MountedWritableTree } from '../../src/linux.ts';
import { Interrupted } from '../failure.ts';
import { endings, onSignals } from '../signals.ts';

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The changes of the tree as far as the first signal: later ones reject. */
  guard(changes: MountedWritableTree['changes']): MountedWritableTree['changes'];
  /** Runs what takes the whole process while Ctrl-C is another program's, one in the foreground. */
  deafWhile<T>(work: () => T): Promise<T>;
  /** What the command ends with, if `cause` comes of a signal; else `cause` itself. `state`: how the image is. */
  told(cause: unknown, state: string): unknown;
}

/** Whoever waits so long for the end is told what it is that takes it. */
const UNMOUNTED_MS = 500;
/** Long enough for what came while nothing was heard. */
const HEARD_MS = 20;
/** A signal is heard between two turns of the event loop, which calls of the kernel alone would never end. */
const TURN_MS = 20;

/** For the rest of this process. `atomic`: nothing of the image changes before the very end. */
export function interruptible(image: string, atomic: boolean): Interruption {
  const stop = new AbortController();
  let heardOf: NodeJS.Signals | undefined;
  let turnedMs = performance.now();
  let isDeaf = false;
  onSignals(endings, (signal) => {
    if (isDeaf && signal === 'SIGINT') return;
    if (heardOf === undefined) {
      heardOf = signal;
      stop.abort(new Error(signal));
      setTimeout(() => {
        console.error(`lkl: ${signal}: ${image} is being unmounted; once more, and all ends at once`);
      }, UNMOUNTED_MS).unref();
      return;
    }
    const state = atomic
      ? 'nothing of it was changed'
      : 'it is as after a loss of power, and its journal, where it has one, is replayed when it is mounted next (lkl fsck --auto does that, too)';
    console.error(`lkl: ${signal}: ${image} was not unmounted: ${state}`);
    process.exit(128 + constants.signals[signal]);
  });
  const guard = (changes: MountedWritableTree['changes']) =>
    new Proxy(changes, {
      get(target, name, receiver) {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== 'function') return method;
        return async (...words: unknown[]): Promise<unknown> => {
          if (performance.now() - turnedMs > TURN_MS) {
            await turn();
            turnedMs = performance.now();
          }
          stop.signal.throwIfAborted();
          return Reflect.apply(method, target, words);
        };
      },
    });
  return {
    signal: stop.signal,
    guard,
    async deafWhile(work) {
      isDeaf = true;
      try {
        return work();
      } finally {
        // What came meanwhile is heard now: signals are read where the event loop waits, which one turn need not come to.
        await pause(HEARD_MS);
        isDeaf = false;
      }
    },
    told(cause, state) {
      if (heardOf === undefined || cause !== stop.signal.reason) return cause;
      return new Interrupted(heardOf, `${image}: cut off by ${heardOf}: ${state}`);
    },
  };
}
