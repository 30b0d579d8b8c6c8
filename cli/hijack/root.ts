/** An image as the root of a program: mounted by another process of this command, for as long as the program runs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../src/node/package-files.ts';
import { Failure } from '../failure.ts';

export interface Root {
  /** Empty: the root that there is. */
  readonly directory: string;
  /** Settles when all that was written is in the image; rejects when not all of it is. */
  close(): Promise<void>;
}

/** Mounts an image, with words of `lkl mount -o`; a directory is as it is. The process ends where that fails, and has said why. */
export async function openRoot(image: string, words: string | undefined): Promise<Root> {
  if (statSync(image, { throwIfNoEntry: false })?.isDirectory()) {
    if (words !== undefined)
      throw new Failure('usage', `--root ${image} is a directory: nothing is mounted that --root-options could be for`);
    const directory = realpathSync(image);
    // This machine's own root: there is nothing to enter.
    return { directory: directory === '/' ? '' : directory, async close() {} };
  }
  // The process that mounts removes it.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'lkl-root-')));
  const child = mounting(image, directory, words);
  const code = await mounted(child);
  if (code !== 'mounted') {
    removed(directory);
    process.exit(code);
  }
  return {
    directory,
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        child.disconnect();
        await once(child, 'exit');
      }
      if (child.exitCode !== 0)
        throw new Failure('failed', `${image} was not unmounted: what was written is not all in it`);
    },
  };
}

/** It asks for a passphrase where it must, and goes when this process is gone, by whatever way. */
function mounting(image: string, directory: string, words: string | undefined): ChildProcess {
  const uid = process.geteuid?.() ?? 0;
  // Who is not root becomes it in a namespace, where all other users are nobody: files are this user's.
  const owner = uid === 0 ? [] : ['--uid', String(uid), '--gid', String(process.getegid?.() ?? 0)];
  const options = words === undefined ? [] : ['-o', words];
  const args = ['mount', '--foreground', '--until-disconnect', ...owner, ...options, '--', image, directory];
  return spawn(process.execPath, [...process.execArgv, packageFile('cli/lkl.mjs'), ...args], {
    stdio: ['inherit', 'ignore', 'inherit', 'ipc'],
  });
}

async function mounted(child: ChildProcess): Promise<'mounted' | number> {
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : 4));
  return Promise.race([once(child, 'message').then(() => 'mounted' as const), ended]);
}

function removed(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Something is mounted there still.
  }
}
