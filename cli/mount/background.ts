/** A command that goes on in the background once it is ready, as daemons do. */

import { spawn } from 'node:child_process';
import { chdir } from 'node:process';

/** What the process in the background tells the one that began it. */
interface Ready {
  readonly ready: string;
}

/** Runs this very command line with --foreground in another process; settles when it is ready, and rejects when it failed. */
export async function inBackground(): Promise<void> {
  const [node = process.execPath, ...args] = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(node, [...args, '--foreground'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.pipe(process.stderr);
  const ready = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: Ready) => resolve(message.ready));
    child.on('error', reject);
    child.on('close', (code) => reject(new EndedError(code ?? 4)));
  }).catch((cause: unknown) => {
    if (!(cause instanceof EndedError)) throw cause;
    // It has said why.
    process.exit(cause.code);
  });
  console.error(ready);
  child.disconnect();
  child.unref();
}

class EndedError extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

/** In the foreground it is said here; in the background whoever began this says it, and goes. */
export function tellReady(text: string): void {
  if (!process.send) {
    console.error(text);
    return;
  }
  process.send({ ready: text } satisfies Ready);
  // Nobody hears it from now on, and no directory is to be kept in use.
  process.stderr.on('error', () => {});
  process.once('disconnect', () => {});
  chdir('/');
}
