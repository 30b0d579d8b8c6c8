/** What is inside an image: a description, the tree as a tar, one file, one directory. Each job has a kernel of its own. */

import type { Sink } from '../../archive/chunk-writer.ts';
import { HostError } from '../../errors/host-error.ts';
import { archiveReport } from '../../image/archive-report.ts';
import type { ImageReport, MountRequest } from '../../image/mounted-image.ts';
import type { Linux, TarRequest } from '../../linux.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { type DiskChoice, type OpenedDisk, openDisk } from '../../storage/open-disk.ts';
import { type Room, spareRoom } from '../../storage/room.ts';
import { type OpenedPath, openPath } from '../../tree/files.ts';
import type { Hold } from '../bodies/budget.ts';
import type { ImageStore, SpoolStore } from '../storage/image-store.ts';
import { bounded as memoryLimits } from './disk-limits.ts';
import { type KeepAlive, named } from './images.ts';
import type { Body, IncomingLimits } from './incoming.ts';
import { spool, type Unpacking, unpacking } from './spool.ts';

/** Which version of a stored image, and which disk of it. */
export interface StoredChoice extends StackedChoice {
  /** By id. Default: the image as it is. */
  readonly version?: string | undefined;
}

/** Beside what the image is opened as: stored images that belong to it. */
export interface StackedChoice extends DiskChoice {
  readonly names?: { readonly also?: readonly string[] | undefined; readonly header?: string | undefined };
}

export interface ImageContentJobs {
  /** Rejects when the tar is not whole, whatever `sink` has got by then. The body is stored only while this runs. */
  tarOfBody(body: Body, request: TarRequest & StackedChoice, sink: Sink): Promise<void>;
  tarOfImage(name: string, request: TarRequest & StoredChoice, sink: Sink): Promise<void>;
  inspect(
    name: string,
    choice: StoredChoice & Pick<MountRequest, 'unlock'>,
  ): Promise<{ readonly etag: string; readonly opened: OpenedDisk; readonly report: ImageReport }>;
  /** `path` is bytes, as names in a file system are; symlinks are followed inside the image. Close what is answered. */
  open(
    name: string,
    path: Uint8Array,
    request: MountRequest & StoredChoice,
  ): Promise<OpenedPath & { readonly etag: string }>;
}

export interface ImageContentNeeds {
  readonly images: ImageStore;
  /** Holds bodies while they are worked on. */
  readonly spooled: SpoolStore;
  readonly engine: Pick<Linux, 'mount' | 'inspect' | 'fs2tar'>;
  readonly limits: IncomingLimits;
  readonly keepAlive: KeepAlive;
  /** Counts what is on its way to storage. */
  readonly memory: Hold;
  /** Counts what is kept in memory because there is room. */
  readonly room: Room;
  /** A name no other request has. */
  readonly uniqueName: () => string;
}

/**
 * Of an image in R2. The kernel has a page cache of its own before it; but a directory of a million names, which is read in the
 * order of their hashes, is asked for page by page: it is here whole, or each page is a request to R2.
 */
const CACHE_MIB = { usual: 16, most: 32, leftForOthers: 8 };
const MIB = 2 ** 20;

export function imageContentJobs(needs: ImageContentNeeds): ImageContentJobs {
  const { images, engine, room } = needs;

  const device = async (
    name: string,
    { format, member, snapshot, version }: StoredChoice,
    unpack: Unpacking['unpack'],
  ): Promise<OpenedDisk & { readonly etag: string }> => {
    const stored = await named(name, images.source(name, version));
    const opened = openDisk(stored, {
      format,
      member,
      snapshot,
      cacheMib: CACHE_MIB.most,
      room: spareRoom(room, CACHE_MIB.usual * MIB, CACHE_MIB.leftForOthers * MIB),
      ...memoryLimits,
      unpack,
    });
    return { ...(await named(name, opened)), etag: stored.etag };
  };

  const stack = async ({ names: { also = [], header } = {} }: StackedChoice, unpack: Unpacking['unpack']) => {
    const disks: BlockDevice[] = [];
    for (const name of also) disks.push((await device(name, {}, unpack)).device);
    return {
      also: disks,
      header: header === undefined ? undefined : (await device(header, { format: 'raw' }, unpack)).device,
    };
  };

  /** What had to be undone for it is there as long as `work` takes. */
  async function withUnpacking<T>(work: (unpack: Unpacking['unpack']) => Promise<T>): Promise<T> {
    const { unpack, discard } = unpacking(needs);
    try {
      return await work(unpack);
    } finally {
      await discard();
    }
  }

  return {
    async tarOfBody(body, request, sink) {
      const spooled = await spool(body, needs, request);
      try {
        await withUnpacking(async (unpack) =>
          engine.fs2tar(spooled.device, { ...request, ...(await stack(request, unpack)) }, sink),
        );
      } finally {
        await spooled.discard();
      }
    },
    async tarOfImage(name, request, sink) {
      await withUnpacking(async (unpack) => {
        const image = await device(name, request, unpack);
        await engine.fs2tar(image.device, { ...request, ...(await stack(request, unpack)) }, sink);
      });
    },
    inspect: (name, choice) =>
      withUnpacking(async (unpack) => {
        const { etag, ...opened } = await device(name, choice, unpack);
        const others = await stack(choice, unpack);
        // A device has whole sectors, an image need not.
        return {
          etag,
          opened,
          report: {
            ...archiveReport(await engine.inspect(opened.device, { ...others, unlock: choice.unlock }), opened.archive),
            sizeBytes: opened.sizeBytes,
          },
        };
      }),
    async open(name, path, request) {
      if (path.includes(0)) throw new HostError('invalid-request', 'a path has no NUL byte');
      const { unpack, discard } = unpacking(needs);
      const ends: (() => Promise<void>)[] = [discard];
      const close = async () => {
        for (const end of ends.splice(0).reverse()) await end();
      };
      try {
        const image = await device(name, request, unpack);
        const mounted = await engine.mount(image.device, { ...request, ...(await stack(request, unpack)) });
        ends.push(() => mounted.close());
        const opened = await openPath(mounted.task, mounted.mountPoint, path, { still: true, log: mounted.log });
        return { ...opened, etag: image.etag, close };
      } catch (cause) {
        await close();
        throw cause;
      }
    },
  };
}
