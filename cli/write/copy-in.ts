/** Files and folders of this machine into an image, as cp(1) names their copies. */

import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { hostTree } from '../../src/node/host-tree.ts';
import type { Entry } from '../../src/tree/write/entry.ts';
import { Failure } from '../failure.ts';
import { below } from '../look/image-tree.ts';
import { shown } from '../look/words.ts';
import { defined, type ImageOptions } from '../options.ts';
import { tellLosses } from '../output/losses.ts';
import { withProgress } from '../output/progress.ts';
import { withChanges } from './session.ts';
import { isDirectory, looking } from './tree.ts';

export interface CpOptions extends ImageOptions {
  /** Owners and groups: as in the image, or these. Default: whoever runs the command. */
  readonly owner?: true | { readonly uid: number | undefined; readonly gid: number | undefined };
  readonly force?: true;
  readonly quiet?: true;
  /** Of copies into an image: everything or nothing. */
  readonly atomic?: true;
}

/** Whether every file is there. */
export async function copyIn(
  sources: readonly string[],
  image: string,
  path: string,
  { owner, quiet, options: mount, ...request }: CpOptions,
): Promise<boolean> {
  if (sources.length === 0) throw new Failure('usage', 'name what is to be copied');
  for (const source of sources) {
    if (!lstatSync(source, { throwIfNoEntry: false }))
      throw new Failure('usage', `${source}: there is no such file or folder`);
  }
  return withChanges(image, defined({ ...request, options: mount }), async (mounted) => {
    const target = Buffer.from(path);
    const into = await isDirectory(looking(mounted), target);
    if (!into && (sources.length > 1 || path.endsWith('/'))) {
      throw new Failure('usage', `${shown(target)} is not a directory of the image`);
    }
    const ids = owner === undefined ? { uid: 0, gid: 0 } : owner === true ? {} : owner;
    async function* entries(): AsyncGenerator<Entry> {
      for (const source of sources) {
        const name = Buffer.from(basename(source.replace(/(?<=.)\/+$/, '')));
        yield* hostTree(Buffer.from(source), placeOf(into ? below(target, named(name)) : target), ids);
      }
    }
    return tellLosses(await withProgress(quiet, (progress) => mounted.fill(Buffer.from('/'), entries(), progress)));
  });
}

/** "." and ".." have no name of their own: what is in them is copied. */
const named = (name: Buffer): Buffer => (/^\.{0,2}$/.test(name.toString()) ? Buffer.alloc(0) : name);

/** From the root on, as entries have it. */
const placeOf = (path: Buffer): Buffer =>
  Buffer.from(
    path
      .toString('latin1')
      .replace(/^\/+|\/+$/g, '')
      .replaceAll(/\/+/g, '/'),
    'latin1',
  );
