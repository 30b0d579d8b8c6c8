/** Runs this very command line in a thread: signals and the terminal stay here, where nothing computes, and end it wherever it is. */

import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { unlockBegun } from '../../src/node/files/file-lock.ts';
import { kernelModule } from '../../src/node/kernel-module.ts';
import { cleanUp, leaves } from '../../src/node/left-behind.ts';
import { packageFile } from '../../src/node/package-files.ts';
import { allWritten } from '../output/all-written.ts';
import { endings } from '../signals.ts';
import { validateNoMore } from '../validate-no-more.ts';
import type { Asked, Ends, Standard, Told } from './messages.ts';

/** What has it is locked, and so is written. */
const LOCK = '.lock';
const CTRL_C = 0x03;
/** How long a thread may be silent before whoever typed Ctrl-C is told what a second one does. */
const ANSWER_MS = 1000;
/** A thread that waits for the system is not waited for. */
const TERMINATED_MS = 1000;

export async function outside(): Promise<void> {
  const worker = new Worker(packageFile('cli/lkl.mjs'), {
    argv: process.argv.slice(2),
    stdin: true,
    workerData: { stdin: endsOf(process.stdin), ...outputs() } satisfies Standard,
  });
  const ask = (asked: Asked) => worker.postMessage(asked);
  // The thread takes longer to begin than this takes.
  validateNoMore();
  kernelModule().then(
    (module) => ask({ kind: 'kernel', module }),
    () => ask({ kind: 'kernel' }),
  );
  let gone: (() => void)[] = [];
  let paths: readonly string[] = [];
  let isRaw = false;
  let isAlive = true;
  let isWarned = false;

  const over = async () => {
    for (const each of endings) process.removeAllListeners(each);
    // Nothing writes any more when the lock goes.
    await Promise.race([worker.terminate(), pause(TERMINATED_MS)]);
    if (isRaw) process.stdin.setRawMode(false);
    for (const path of paths) unlockBegun(path);
    cleanUp();
  };
  const end = async (signal: NodeJS.Signals) => {
    const written = paths.filter((path) => path.endsWith(LOCK)).map((path) => path.slice(0, -LOCK.length));
    await over();
    for (const image of written)
      console.error(`lkl: ${signal}: ${image} was being written, and is as after a loss of power (lkl fsck)`);
    // As the system would have ended it; a thread that waits in a call would keep an exit waiting.
    process.kill(process.pid, signal);
  };
  for (const signal of endings) process.on(signal, end);
  // Whoever read it has gone.
  process.stdout.on('error', async () => {
    await over();
    process.exit(128 + constants.signals.SIGPIPE);
  });

  const typed = (chunk: Uint8Array) => {
    if (!isRaw || !chunk.includes(CTRL_C)) return;
    if (isWarned) return void end('SIGINT');
    if (!isAlive) return;
    isAlive = false;
    ask({ kind: 'alive?' });
    setTimeout(() => {
      if (isAlive) return;
      isWarned = true;
      process.stderr.write(
        '\r\nlkl: the program computes and hears nothing; Ctrl-C again ends all, the disk as after a loss of power\r\n',
      );
    }, ANSWER_MS).unref();
  };

  worker.on('message', (told: Told) => {
    switch (told.kind) {
      case 'reads':
        process.stdin.on('data', typed);
        process.stdin.pipe(worker.stdin as NodeJS.WritableStream);
        break;
      case 'raw':
        isRaw = told.isRaw;
        process.stdin.setRawMode(isRaw);
        break;
      case 'left': {
        const before = gone;
        paths = told.paths;
        gone = paths.map(leaves);
        for (const forget of before) forget();
        break;
      }
      case 'alive':
        isAlive = true;
        isWarned = false;
    }
  });
  process.stdout.on('resize', () => ask({ kind: 'resize', ...outputs() }));
  worker.on('error', (cause) => {
    console.error(`lkl: ${cause instanceof Error ? cause.message : cause}`);
  });
  worker.on('exit', async (code) => {
    if (isRaw) process.stdin.setRawMode(false);
    cleanUp();
    await allWritten();
    process.exit(code);
  });
}

const endsOf = (stream: NodeJS.ReadStream | NodeJS.WriteStream): Ends => ({
  isTerminal: stream.isTTY === true,
  ...('columns' in stream && { columns: stream.columns, rows: stream.rows }),
});
const outputs = () => ({ stdout: endsOf(process.stdout), stderr: endsOf(process.stderr) });
