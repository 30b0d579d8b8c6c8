/** The line on a terminal that tells how far things are. */

import ora from 'ora';
import prettyBytes from 'pretty-bytes';

export interface Counts {
  /** Of an image that is sent as a stream. */
  readonly bytesRead: number | undefined;
  readonly bytesWritten: number;
  readonly entries: number;
}

export interface Progress {
  /** Leaves the last counts on the screen. */
  done(): void;
  /** Leaves nothing, unless all is done. */
  stop(): void;
}

const REFRESH_MS = 100;

/** Silent unless standard error is a terminal that has a width. */
export function showProgress(quiet: boolean, counts: () => Counts): Progress {
  if (quiet || !process.stderr.isTTY || process.stderr.columns === 0) return { done: () => {}, stop: () => {} };
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
  const timer = setInterval(() => {
    spinner.text = line();
  }, REFRESH_MS);
  return {
    done() {
      spinner.succeed(line());
    },
    stop() {
      clearInterval(timer);
      spinner.stop();
    },
  };
}
