/** `lkl edit`: a file of an image in the editor of whoever asks. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { O_TRUNC, O_WRONLY } from '../../src/abi/uapi/fs.ts';
import { leaves } from '../../src/node/left-behind.ts';
import { Failure } from '../failure.ts';
import { type WriteOptions, withChanges } from './session.ts';

const MOST_BYTES = 64 * 1024 * 1024;

/** The image is open, and locked, for as long as the editor is. */
export const edit = (image: string, path: string, options: WriteOptions): Promise<void> =>
  withChanges(image, options, async ({ changes, tree }, { deafWhile }) => {
    const at = Buffer.from(path);
    const file = await tree.openFile(at);
    const { size } = await file.stat();
    if (size > MOST_BYTES) throw new Failure('usage', `${path} has ${size} bytes: cp it, and back`);
    const before = Buffer.alloc(size);
    await file.read(0, before);
    await file.close();
    const after = await deafWhile(() => edited(basename(path), before));
    if (after.equals(before)) {
      console.error(`${path} was not changed`);
      return;
    }
    const open = await changes.open(at, O_WRONLY | O_TRUNC);
    await open.write(0, after);
    await open.close();
  });

function edited(name: string, content: Buffer): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-edit-'));
  const gone = leaves(folder);
  try {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
    // As git and crontab do: the editor may have arguments.
    const { status, signal, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' });
    if (error) throw error;
    if (status !== 0)
      throw new Failure('failed', `the editor (${editor}) ended with ${signal ?? status}: nothing was changed`);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new Failure('failed', 'the editor left no file');
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    gone();
  }
}
