/** Opens an image of this machine to be changed: in place, or all at once. */

import type { StackRequest } from '../../src/image/mounted-image.ts';
import type { MountedWritableTree } from '../../src/linux.ts';
import { type DiskToWrite, diskToWrite } from '../../src/node/files/disk-to-write.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
import { mountRequest, openDiskFile } from '../input/disk.ts';
import { unlockOf } from '../input/unlock.ts';
import { type DiskOptions, defined, type MountOptions, type StackOptions } from '../options.ts';
import type { Interruption } from './interruption.ts';
import { whileMounted } from './while-mounted.ts';

export interface WriteOptions extends MountOptions, StackOptions {
  readonly format?: string | undefined;
  /** Everything or nothing, whatever happens meanwhile. */
  readonly atomic?: true;
  readonly offset?: number;
  readonly size?: number;
}

/** An image, and what is stacked on it: open, locked, and ready to be mounted. */
export interface StackToWrite {
  readonly disk: DiskToWrite;
  /** For the engine. */
  readonly stack: StackRequest;
  /** Lets go of all files and their locks. Twice is once. */
  close(): void;
}

/** Options that only look at an image, in the words of whoever gave them where they would write it. */
const readingAlone: readonly (readonly [option: keyof DiskOptions, why: string])[] = [
  ['evenIfCut', '--even-if-cut: what was cut short is only read, half a disk is not written'],
  ['state', '--state: what an image was is only read'],
  ['member', '--member: one of several disks in a file is only read'],
];

/** `instead`: how this command only reads. */
export function mustBeToWrite(options: DiskOptions, instead = ''): void {
  for (const [option, why] of readingAlone)
    if (options[option] !== undefined) throw new Failure('usage', `${why}${instead}`);
}

/** Files stay locked until they are closed, or this process ends. */
export async function stackToWrite(image: string, options: WriteOptions & DiskOptions): Promise<StackToWrite> {
  mustBeToWrite(options);
  const { offset, size, format, atomic = false, also: more = [], header } = options;
  if (image === '-' || more.includes('-')) throw new Failure('usage', 'standard input is not written');
  if (atomic && more.length > 0) throw new Failure('usage', '--atomic changes one image, not several');
  const unlock = await unlockOf(options);
  const opened: DiskToWrite[] = [];
  const close = () => {
    for (const disk of opened.splice(0)) disk.close();
  };
  try {
    const disk = await diskToWrite(image, { format, atomic, ...defined({ offset, size }) });
    opened.push(disk);
    const also: DiskToWrite[] = [];
    for (const path of more) {
      const other = await diskToWrite(path);
      opened.push(other);
      also.push(other);
    }
    const apart = header === undefined ? undefined : await openDiskFile(header, { format: 'raw' });
    const stack = { also: also.map(({ device }) => device), header: apart?.device, unlock };
    return { disk, stack, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/**
 * Runs `work` on the tree. What it did is on the disk when this settles, the journal empty. When it rejects, what was done before stays,
 * unmounted cleanly where that was possible; with `atomic` nothing was done.
 */
export async function withChanges<T>(
  image: string,
  options: WriteOptions,
  work: (tree: MountedWritableTree, interruption: Interruption) => Promise<T>,
): Promise<T> {
  const { disk, stack, close } = await stackToWrite(image, options);
  try {
    const engine = await openEngine();
    const { type, partition, options: mount, subvol } = options;
    const request = mountRequest(defined({ type, partition, options: mount, subvol }));
    const result = await whileMounted(
      image,
      disk.device,
      { open: (device) => engine.openWritableTree(device, { ...request, ...stack }), close: (tree) => tree.close() },
      (tree, interruption) => {
        const { signal, guard } = interruption;
        const fill: typeof tree.fill = (directory, entries, its) => tree.fill(directory, entries, { ...its, signal });
        return work({ ...tree, changes: guard(tree.changes), fill }, interruption);
      },
      options.atomic,
    );
    disk.apply();
    return result;
  } finally {
    close();
  }
}
