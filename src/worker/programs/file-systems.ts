/** File systems of stored images: made, of a tree too, checked, repaired, resized, by their own programs. */

import { readTar } from '../../archive/tar-reader.ts';
import { HostError } from '../../errors/host-error.ts';
import type { MountRequest, PartitionSelector } from '../../image/mounted-image.ts';
import type { Host } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { seededHost } from '../../kernel/snapshot/seed.ts';
import type { Linux } from '../../linux.ts';
import { type BlockDevice, SECTOR, sizeOf } from '../../storage/block-device.ts';
import type { Room } from '../../storage/room.ts';
import { checkFileSystem } from '../../tools/file-system/check-file-system.ts';
import {
  type CheckHow,
  fileSystemTools,
  type MakeRequest,
  type Verdict,
} from '../../tools/file-system/file-systems.ts';
import { fillFileSystem } from '../../tools/file-system/fill-file-system.ts';
import { makeFileSystem } from '../../tools/file-system/make-file-system.ts';
import { makeOfTree } from '../../tools/file-system/make-of-tree.ts';
import { prepareResize, resizeFileSystem } from '../../tools/file-system/resize-file-system.ts';
import { findVolume } from '../../tools/find-volume.ts';
import { endOf } from '../../tools/program-order.ts';
import { mustBeWhole } from '../../tools/volume.ts';
import { type Streams, Workshop } from '../../tools/workshop.ts';
import type { CopyReport } from '../../tree/write/copy-tree.ts';
import type { Entry } from '../../tree/write/entry.ts';
import { settled } from '../../tree/write/settled.ts';
import { tarEntries } from '../../tree/write/tar-entries.ts';
import { treeEntries } from '../../tree/write/tree-entries.ts';
import type { ImageDisks, MadeImageDisk, Written } from '../images/disks.ts';
import { named } from '../images/images.ts';
import { type Body, type IncomingLimits, openBody } from '../images/incoming.ts';
import { openStored } from '../images/stored-images.ts';
import { tarred } from '../images/writing.ts';
import type { Condition } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { workerToolbox } from './toolbox.ts';

export interface FileSystemOrder extends MakeRequest {
  readonly type: string;
  /** Of the image; undefined: as large as its content, for types that are made of that. */
  readonly sizeBytes: number | undefined;
  readonly seed: string | undefined;
}

/** What a new file system is filled with. */
export type Contents =
  | { readonly tar: Body }
  | { readonly image: string; readonly version: string | undefined; readonly mount: MountRequest };

export interface MadeFileSystem extends Written {
  readonly sizeBytes: number;
  /** Undefined: it is empty. */
  readonly filled: CopyReport | undefined;
}

export interface FileSystemCheck {
  readonly how: CheckHow;
  readonly type: string | undefined;
  readonly partition: PartitionSelector | undefined;
}

export interface CheckedFileSystem {
  readonly etag: string;
  /** Undefined: it was not to be written. */
  readonly version: string | undefined;
  readonly verdict: Verdict;
  readonly type: string;
}

export interface FileSystemJobs {
  /** The image is there, whole, once this settles; when it rejects there is none, or the one there was. */
  make(
    name: string,
    condition: Condition,
    order: FileSystemOrder,
    contents: Contents | undefined,
  ): Promise<MadeFileSystem>;
  /** What is mended is a new version. */
  check(name: string, condition: Condition, check: FileSystemCheck, streams: Streams): Promise<CheckedFileSystem>;
  /** A new version of that size, and the file system in it. */
  resize(
    name: string,
    condition: Condition,
    sizeBytes: number,
    type: string | undefined,
  ): Promise<Written & { readonly sizeBytes: number; readonly type: string }>;
}

export interface FileSystemNeeds {
  readonly images: ImageStore;
  readonly disks: ImageDisks;
  readonly engine: Pick<Linux, 'readingMib' | 'newKernel' | 'openTree' | 'inspect'>;
  readonly host: Host;
  readonly room: Room;
  readonly limits: IncomingLimits;
}

/** The same, found. */
type Source = { readonly tar: Body } | { readonly device: BlockDevice; readonly mount: MountRequest };

interface Made {
  readonly filled: CopyReport | undefined;
  /** Of the image, where that is not the disk's size. */
  readonly bytes: number | undefined;
}

const MIB = 2 ** 20;
/** The kernel, and its programs together. With them there is room for one more kernel, which reads what is copied. */
const KERNEL_MIB = 20;
const MAKING_MIB = 24;
/** A check keeps bitmaps of the whole file system. */
const CHECKING_MIB = 36;
/** mksquashfs takes a quarter of the memory there is for its queues, and does not begin with less than this. */
const SQUASHFS_MEMORY = ['-mem', '16M'];
/** As for a program that is run. */
const DEADLINE_MS = 300_000;
/** What becomes as large as its content is made on a disk of this size. */
const ROOM = 2 ** 40;

export function fileSystemJobs(needs: FileSystemNeeds): FileSystemJobs {
  const { images, disks, engine, host, room, limits } = needs;

  /** Runs `work` on a kernel of its own, which goes then. */
  async function inWorkshop<T>(
    programMib: number,
    seed: string | undefined,
    work: (shop: Workshop, kernel: Kernel) => Promise<T>,
    besideMib = 0,
  ): Promise<T> {
    const kernel = await engine.newKernel({
      host: seed === undefined ? host : seededHost(host, seed),
      memoryMib: KERNEL_MIB,
      programMib,
      besideMib,
      clock: 'virtual',
    });
    const cancel = host.timer(DEADLINE_MS, () => kernel.kill('deadline', `not done after ${DEADLINE_MS} ms`));
    try {
      return await work(await Workshop.open(kernel, await workerToolbox(), programMib * MIB), kernel);
    } catch (cause) {
      throw endOf(cause);
    } finally {
      cancel();
      kernel.kill();
    }
  }

  /** As it is now, whatever wraps it. */
  async function opened(
    name: string,
    version?: string,
  ): Promise<{ readonly device: BlockDevice; readonly etag: string }> {
    const stored = await named(name, images.source(name, version));
    const { device } = await openStored(stored, room);
    return { device, etag: stored.etag };
  }

  /** Where the tree is, before a kernel is asked for: what is not there is said at once. */
  const sourceOf = async (contents: Contents): Promise<Source> =>
    'tar' in contents
      ? contents
      : { device: (await opened(contents.image, contents.version)).device, mount: contents.mount };

  /** Taken with the workshop's: two that each held one kernel and waited for another would wait for each other. */
  const besideMib = (source: Source | undefined): number => (source && 'device' in source ? engine.readingMib : 0);

  async function withTree<T>(
    source: Source,
    beside: Kernel,
    work: (tree: AsyncIterable<Entry>) => Promise<T>,
  ): Promise<T> {
    if ('tar' in source) {
      const { bytes } = await openBody(source.tar, limits);
      return tarred(work(settled(tarEntries(readTar(bytes)))));
    }
    const mounted = await engine.openTree(source.device, { ...source.mount, beside });
    try {
      return await work(settled(treeEntries(mounted.tree)));
    } finally {
      await mounted.close();
    }
  }

  /** An image of a fixed size, empty or filled. */
  async function onDisk(disk: MadeImageDisk, order: FileSystemOrder, source: Source | undefined) {
    return inWorkshop(
      MAKING_MIB,
      order.seed,
      async (shop, kernel) => {
        const path = await shop.attach(disk.device);
        await makeFileSystem(shop, path, order.type, order);
        const filled =
          source && (await withTree(source, kernel, (tree) => fillFileSystem(shop, path, order.type, tree)));
        await shop.commit();
        return { filled, bytes: undefined };
      },
      besideMib(source),
    );
  }

  /** One that is as large as its content. */
  async function ofTree(disk: MadeImageDisk, order: FileSystemOrder, source: Source) {
    const scratch = await disks.scratch(ROOM);
    try {
      return await inWorkshop(
        MAKING_MIB,
        order.seed,
        async (shop, kernel) => {
          const both = { scratch: scratch.device, target: disk.device };
          const more = [...(order.type === 'squashfs' ? SQUASHFS_MEMORY : []), ...(order.more ?? [])];
          const { report, bytes } = await withTree(source, kernel, (tree) =>
            makeOfTree(shop, both, order.type, { ...order, more }, tree),
          );
          return { filled: report, bytes };
        },
        besideMib(source),
      );
    } finally {
      await scratch.close();
    }
  }

  return {
    async make(name, condition, order, contents) {
      const { type, sizeBytes } = order;
      const tools = fileSystemTools(type);
      const fits = tools !== undefined && tools.make === undefined;
      if (fits && !contents)
        throw new HostError('invalid-request', `${type} is made of a tree: send a tar, or name \`from\``);
      if (fits && sizeBytes !== undefined)
        throw new HostError('invalid-request', `${type} is as large as what is in it`);
      if (!fits && sizeBytes === undefined)
        throw new HostError('invalid-request', 'say how large the image is to be: size');
      const bytes = sizeBytes ?? ROOM;
      if (sizeBytes !== undefined && sizeBytes > limits.maxImageBytes) throw tooLarge(limits.maxImageBytes);
      const disk = await disks.create(name, bytes);
      try {
        const source = contents && (await sourceOf(contents));
        const making: Promise<Made> = fits && source ? ofTree(disk, order, source) : onDisk(disk, order, source);
        const made = await making.catch((cause: unknown) => {
          throw isFull(cause) ? full(bytes, cause) : cause;
        });
        return { ...(await disk.keep(condition, made.bytes)), filled: made.filled };
      } finally {
        await disk.close();
      }
    },
    async check(name, condition, { how, type: asked, partition }, streams) {
      const repairs = how !== 'look';
      const disk = repairs ? await disks.open(name, condition) : undefined;
      try {
        const { device, etag } = disk ? { device: disk.device, etag: '' } : await opened(name);
        if (!repairs && condition.ifMatch !== undefined && ![etag, '*'].includes(condition.ifMatch))
          throw new HostError('precondition-failed');
        const can = (type: string) => fileSystemTools(type)?.check !== undefined;
        const volume = await findVolume(device, await engine.inspect(device), { partition, type: asked, can });
        const verdict = await inWorkshop(CHECKING_MIB, undefined, async (shop) => {
          const shown = repairs ? device : { ...sizeOf(device), read: device.read.bind(device) };
          const path = `${await shop.attach(shown)}${volume.partition ?? ''}`;
          const found = await checkFileSystem(shop, path, volume.type, how, streams);
          if (repairs) await shop.commit();
          return found;
        });
        const written = disk ? await disk.commit() : { etag, version: undefined };
        return { verdict, type: volume.type, ...written };
      } finally {
        await disk?.close();
      }
    },
    async resize(name, condition, wanted, asked) {
      const sizeBytes = Math.floor(wanted / SECTOR) * SECTOR;
      if (sizeBytes === 0) throw new HostError('invalid-request', 'an image has one sector of 512 bytes at least');
      if (sizeBytes > limits.maxImageBytes) throw tooLarge(limits.maxImageBytes);
      const disk = await disks.open(name, condition, sizeBytes);
      try {
        const report = await engine.inspect(narrowed(disk.device, disk.sizeBytes));
        mustBeWhole(report);
        const can = () => true;
        const { partition, type } = await findVolume(disk.device, report, { partition: undefined, type: asked, can });
        if (partition !== undefined) {
          throw new HostError(
            'cannot-resize',
            'the image has a partition table: only images that are one file system are resized',
          );
        }
        await inWorkshop(CHECKING_MIB, undefined, async (shop) => {
          const place = { disk: await shop.attach(disk.device), partition: undefined };
          await prepareResize(shop, place, type, sizeBytes < disk.sizeBytes);
          await resizeFileSystem(shop, place, type, sizeBytes);
          await shop.commit();
        });
        return { ...(await disk.commit(sizeBytes)), sizeBytes, type };
      } finally {
        await disk.close();
      }
    },
  };
}

const tooLarge = (mostBytes: number): HostError =>
  new HostError('too-large', `an image has at most ${mostBytes} bytes`, { members: { max_bytes: mostBytes } });

/** The image as it was before it grew. */
const narrowed = (device: BlockDevice, sizeBytes: number): BlockDevice => ({
  sectors: Math.ceil(sizeBytes / SECTOR),
  sizeBytes,
  read: device.read.bind(device),
});

const isFull = (cause: unknown): cause is KernelError => cause instanceof KernelError && cause.errno === 'ENOSPC';

const full = (bytes: number, cause: KernelError): HostError =>
  new HostError(
    'no-room-in-image',
    `no room for ${cause.path ?? 'it'} in ${bytes.toLocaleString('en')} bytes: give it a larger size`,
    { cause },
  );
