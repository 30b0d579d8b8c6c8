/** Changes of what is in a stored image: Linux writes them, and they are one version together, or none. */

import { readTar, TarError } from '../../archive/tar/tar-reader.ts';
import { HostError } from '../../errors/host-error.ts';
import type { MountRequest } from '../../image/mounted-image.ts';
import type { Linux, MountedWritableTree } from '../../linux.ts';
import type { CopyReport } from '../../tree/write/copy-tree.ts';
import { tarEntries } from '../../tree/write/tar-entries.ts';
import type { Condition } from '../storage/image-entry.ts';
import type { ImageDisks, Written } from './disks.ts';
import { type Body, type IncomingLimits, openBody } from './incoming.ts';

export type WritableTree = Pick<MountedWritableTree, 'tree' | 'changes' | 'fill'>;

export interface ImageWriteJobs {
  /**
   * `change` works on the mounted tree. When it and the unmount have succeeded, all of it is a version, for good once this
   * settles; when anything failed, the image is as it was.
   */
  write<T>(
    name: string,
    condition: Condition,
    request: MountRequest,
    change: (tree: WritableTree) => Promise<T>,
  ): Promise<Written & { readonly result: T }>;
  /** A tar is unpacked below `directory`, which is there. Rejects with `bad-tar` where it is none, or half of one. */
  fill(
    name: string,
    condition: Condition,
    request: MountRequest,
    what: { readonly body: Body; readonly directory: Uint8Array },
  ): Promise<Written & { readonly result: CopyReport }>;
}

export interface ImageWriteNeeds {
  readonly disks: Pick<ImageDisks, 'open'>;
  readonly engine: Pick<Linux, 'openWritableTree'>;
  readonly limits: IncomingLimits;
}

export function imageWriteJobs({ disks, engine, limits }: ImageWriteNeeds): ImageWriteJobs {
  const jobs: ImageWriteJobs = {
    async write(name, condition, request, change) {
      const disk = await disks.open(name, condition);
      try {
        const mounted = await engine.openWritableTree(disk.device, request);
        let result: Awaited<ReturnType<typeof change>>;
        try {
          result = await change(mounted);
          await mounted.close();
        } catch (cause) {
          mounted.abandon();
          throw cause;
        }
        return { ...(await disk.commit()), result };
      } finally {
        await disk.close();
      }
    },
    async fill(name, condition, request, { body, directory }) {
      const { bytes } = await openBody(body, limits);
      return tarred(jobs.write(name, condition, request, (tree) => tree.fill(directory, tarEntries(readTar(bytes)))));
    },
  };
  return jobs;
}

/** What comes of a tar: that it is none, or half of one, is `bad-tar`. */
export async function tarred<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof TarError ? new HostError('bad-tar', cause.message, { cause }) : cause;
  }
}
