/** What signals do to the command: as with any program they end it at once, unless there is something to clean up first. */

import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { cleanUp, watchLeft } from '../src/node/left-behind.ts';

/** Those that ask a program to end. */
export const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let areTaken = false;
let isListening = false;
const end = (signal: NodeJS.Signals): never => process.exit(128 + constants.signals[signal]);

/**
 * A handler is called between two turns of the event loop, so whatever keeps the loop from turning (a program that computes, a file
 * that does not open) would keep signals off, too. Without one the system ends the process wherever it is.
 */
export function cleanUpAtEnd(): void {
  process.once('exit', cleanUp);
  // Signals are the main thread's, which is told what there is.
  if (!isMainThread) return;
  watchLeft(({ size }) => {
    if (areTaken || isListening === size > 0) return;
    isListening = size > 0;
    for (const signal of endings) {
      if (isListening) process.on(signal, end);
      else process.off(signal, end);
    }
  });
}

/** For commands that end in their own time: nothing else happens at these signals from now on. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  heard: (signal: NodeJS.Signals) => void | Promise<void>,
): void {
  areTaken = true;
  for (const signal of signals) {
    process.removeAllListeners(signal);
    process.on(signal, heard);
  }
}
