/** `lkl tar`: a tar into an image, or an image's tree as a tar. */

import type { Readable } from 'node:stream';
import { readTar, TarError } from '../../src/archive/tar/tar-reader.ts';
import { openToRead, streamOf } from '../../src/node/input/open-to-read.ts';
import { standardInput } from '../../src/node/input/standard-input.ts';
import { undoneStream } from '../../src/node/spool/undone-stream.ts';
import { tarEntries } from '../../src/tree/write/tar-entries.ts';
import { Failure } from '../failure.ts';
import { fs2tar } from '../fs2tar/here.ts';
import { defined } from '../options.ts';
import { tellLosses } from '../output/losses.ts';
import { withProgress } from '../output/progress.ts';
import { type WriteOptions, withChanges } from './session.ts';

export interface TarOptions extends WriteOptions {
  readonly extract?: true;
  readonly create?: true;
  readonly file?: string;
  readonly directory?: string;
  readonly quiet?: true;
}

/** Whether every file is there. */
export async function tar(image: string, options: TarOptions): Promise<boolean> {
  if ((options.extract === true) === (options.create === true)) {
    throw new Failure('usage', 'either -x (a tar into the image) or -c (the image as a tar)');
  }
  return options.extract ? unpack(image, options) : pack(image, options);
}

function pack(image: string, { file, directory, atomic: _, create: __, extract: ___, ...options }: TarOptions) {
  const output = file === undefined || file === '-' ? undefined : file;
  const asked = { ...options, output, path: directory };
  return fs2tar(image, { compress: 'none', onError: 'stop', ...defined(asked) });
}

async function unpack(image: string, { file = '-', directory = '/', quiet, ...options }: TarOptions): Promise<boolean> {
  const name = file === '-' ? 'standard input' : file;
  const stream = file === '-' ? standardInput() : opened(file);
  try {
    return await withChanges(image, options, async (mounted) => {
      const entries = tarEntries(readTar(undoneStream(stream)));
      return tellLosses(
        await withProgress(quiet, (progress) => mounted.fill(Buffer.from(directory), entries, progress)),
      );
    });
  } catch (cause) {
    throw cause instanceof TarError ? new Failure('image', `${name}: ${cause.message}`) : cause;
  } finally {
    stream.destroy();
  }
}

/** A file that is not there is told before the image is touched. */
function opened(path: string): Readable {
  const file = openToRead(path);
  if (file.stats.isDirectory()) throw new Failure('usage', `${path} is a directory: -f names a tar`);
  return streamOf(file);
}
