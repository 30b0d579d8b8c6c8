/** The line on a terminal that tells how far things are. */

import type { CopyOptions } from '../../src/tree/write/copy-tree.ts';

export interface Counts {
  /** Of an image that is sent as a stream. */
  readonly bytesRead: number | undefined;
  readonly bytesWritten: number;
  readonly entries: number;
}

export interface Progress {
  /** Draws the line anew, if it is time: work that keeps timers from running calls it now and then. */
  tick(): void;
  /** Leaves the last counts on the screen. */
  done(): void;
  /** Leaves nothing, unless all is done. */
  stop(): void;
}

const REFRESH_MS = 100;

const silent: Progress = { tick: () => {}, done: () => {}, stop: () => {} };

/** Silent unless standard error is a terminal that has a width. */
export async function showProgress(quiet: boolean, counts: () => Counts): Promise<Progress> {
  if (quiet || !process.stderr.isTTY || process.stderr.columns === 0) return silent;
  const [{ default: ora }, { default: prettyBytes }] = await Promise.all([import('ora'), import('pretty-bytes')]);
  const startMs = performance.now();
  const line = () => {
    const { bytesRead, bytesWritten, entries } = counts();
    const seconds = (performance.now() - startMs) / 1000;
    const moved = Math.max(bytesRead ?? 0, bytesWritten);
    return [
      ...(bytesRead === undefined ? [] : [`${prettyBytes(bytesRead)} read`]),
      `${prettyBytes(bytesWritten)} written`,
      `${entries.toLocaleString('en')} ${entries === 1 ? 'entry' : 'entries'}`,
      `${prettyBytes(moved / seconds)}/s`,
      `${seconds.toFixed(1)} s`,
    ].join('  ');
  };
  const spinner = ora({ text: line(), discardStdin: false }).start();
  let drawnMs = startMs;
  const draw = () => {
    const nowMs = performance.now();
    if (nowMs - drawnMs < REFRESH_MS) return;
    drawnMs = nowMs;
    spinner.text = line();
    spinner.render();
  };
  const timer = setInterval(draw, REFRESH_MS);
  return {
    tick: draw,
    done() {
      spinner.succeed(line());
    },
    stop() {
      clearInterval(timer);
      spinner.stop();
    },
  };
}

/** Shows how far `work` is in copying a tree. */
export async function withProgress<T>(quiet: true | undefined, work: (options: CopyOptions) => Promise<T>): Promise<T> {
  const counts = { bytesRead: undefined, bytesWritten: 0, entries: 0 };
  const line = await showProgress(quiet === true, () => counts);
  const progress = (entries: number, bytes: number) => {
    counts.entries = entries;
    counts.bytesWritten = bytes;
    line.tick();
  };
  try {
    const done = await work({ progress });
    line.done();
    return done;
  } finally {
    line.stop();
  }
}

export interface Spinner {
  show(text: string): void;
  /** Leaves nothing. Twice is once. */
  stop(): void;
}

/** A word or two about what goes on; silent as `showProgress` is. */
export async function showSpinner(quiet: boolean, text: string): Promise<Spinner> {
  if (quiet || !process.stderr.isTTY || process.stderr.columns === 0) return { show: () => {}, stop: () => {} };
  const { default: ora } = await import('ora');
  const spinner = ora({ text, discardStdin: false }).start();
  return {
    show(now) {
      spinner.text = now;
    },
    stop: () => void spinner.stop(),
  };
}
