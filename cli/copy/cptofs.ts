/** Copies into an image file, in this process. */

import { hostTree } from '../../src/node/host-tree.ts';
import { type CopyReport, copyTree } from '../../src/tree/write/copy-tree.ts';
import type { Entry } from '../../src/tree/write/entry.ts';
import { TreeWriter } from '../../src/tree/write/tree-writer.ts';
import { openEngine } from '../engine.ts';
import { Failure, printable } from '../failure.ts';
import type { MountOptions, StackOptions } from '../options.ts';
import { tellLosses } from '../output/losses.ts';
import { withProgress } from '../output/progress.ts';
import { type StackToWrite, stackToWrite } from '../write/session.ts';
import { whileMounted } from '../write/while-mounted.ts';
import { type Source, sourcesOf } from './sources.ts';

/** What both directions take. */
export interface CopyArguments extends MountOptions, StackOptions {
  readonly filesystemImage: string;
  readonly owner?: number;
  readonly group?: number;
  readonly mb?: number;
  readonly enablePrintk?: true;
  readonly quiet?: true;
}

/** Out of an image: those that are named, or all as they are. */
export interface CpfromfsArguments extends CopyArguments {
  readonly keepOwner?: true;
}

export interface CptofsArguments extends CopyArguments {
  readonly keepOwner?: true;
  readonly selinux?: string;
}

/** Whether every file is there. The image is whole and flushed when this settles. When it rejects, the image is as far as it came, unmounted cleanly where that was possible. */
export async function cptofs(paths: readonly string[], options: CptofsArguments): Promise<boolean> {
  const [target, ...named] = [...paths].reverse();
  if (target === undefined || named.length === 0) {
    throw new Failure('usage', 'name what is to be copied, and last the directory in the image');
  }
  const sources = named.reverse().flatMap(sourcesOf);
  const opened = await stackToWrite(options.filesystemImage, options);
  try {
    return tellLosses(await into(opened, target, treeOf(sources, options), options));
  } finally {
    opened.close();
  }
}

async function into(
  { disk, stack }: StackToWrite,
  target: string,
  tree: AsyncIterable<Entry>,
  { type, partition, options, mb, enablePrintk, filesystemImage, quiet }: CptofsArguments,
): Promise<CopyReport> {
  const engine = await openEngine(mb);
  return whileMounted(
    filesystemImage,
    disk.device,
    {
      open: (device) => engine.write(device, { type, partition, options, ...stack }),
      close: (image) => image.commit(),
    },
    async (image, { signal }) => {
      const writer = await TreeWriter.open(image.task, image.mountPoint, target.replace(/^\/+|\/+$/g, ''));
      const report = await withProgress(quiet, (progress) => copyTree(writer, tree, { ...progress, signal }));
      await writer.close();
      if (enablePrintk) console.error(printable(image.log().trimEnd()));
      return report;
    },
  );
}

async function* treeOf(sources: readonly Source[], options: CptofsArguments): AsyncGenerator<Entry> {
  const { owner = 0, group = 0, keepOwner, selinux } = options;
  const ids = keepOwner ? {} : { uid: owner, gid: group };
  // A label is a C string to those who read it, its NUL included.
  const label = selinux === undefined ? undefined : new Map([['security.selinux', Buffer.from(`${selinux}\0`)]]);
  for (const { path, name } of sources) {
    for await (const entry of hostTree(path, name, ids)) {
      if (!label || entry.type !== 'file') yield entry;
      else
        yield {
          ...entry,
          attributes: { ...entry.attributes, xattrs: new Map([...(entry.attributes.xattrs ?? []), ...label]) },
        };
    }
  }
}
