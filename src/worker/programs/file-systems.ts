/** File systems of stored images, and whole disks: made, of trees too, checked, repaired, resized, by their own programs. */

import { HostError } from '../../errors/host-error.ts';
import type { PartitionSelector } from '../../image/mounted-image.ts';
import type { Host } from '../../kernel/host.ts';
import type { Linux } from '../../linux.ts';
import { sizeOf } from '../../storage/block-device.ts';
import { checkFileSystem, needsNoRepair } from '../../tools/file-system/check-file-system.ts';
import { type CheckHow, isChecked, type Verdict } from '../../tools/file-system/file-systems.ts';
import { findVolume } from '../../tools/find-volume.ts';
import type { Streams } from '../../tools/workshop.ts';
import type { ImageDisks } from '../images/disks.ts';
import type { SpoolNeeds } from '../images/spool.ts';
import type { Unpack } from '../images/undone.ts';
import type { Condition } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { type FileSystemOrder, type MadeFileSystem, makeImage } from './images/making.ts';
import { type ResizedImage, type ResizeOrder, resizeImage } from './images/resizing.ts';
import { type Contents, openedImage } from './images/trees.ts';
import {
  type DiskOrder,
  type MadeDiskImage,
  makeDiskImage,
  type PartitionedImage,
  partitionImage,
  type TableOrder,
} from './images/whole-disks.ts';
import { CHECKING_MIB, workshops } from './images/workshops.ts';

export interface FileSystemCheck {
  readonly how: CheckHow;
  readonly type: string | undefined;
  readonly partition: PartitionSelector | undefined;
}

export interface CheckedFileSystem {
  readonly etag: string;
  /** Undefined: it was not to be written, or there was nothing to mend. */
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
  /** The same for a whole disk. */
  makeDisk(name: string, condition: Condition, order: DiskOrder): Promise<MadeDiskImage>;
  /** A new image, or a new version of one that is there. */
  partition(name: string, condition: Condition, order: TableOrder): Promise<PartitionedImage>;
  /** What is mended is a new version. */
  check(name: string, condition: Condition, check: FileSystemCheck, streams: Streams): Promise<CheckedFileSystem>;
  /** A new version of that size, and the file system in it. */
  resize(name: string, condition: Condition, order: ResizeOrder): Promise<ResizedImage>;
}

export interface FileSystemNeeds {
  readonly images: ImageStore;
  readonly disks: ImageDisks;
  readonly engine: Pick<Linux, 'readingMib' | 'newKernel' | 'openTree' | 'inspect'>;
  readonly host: Host;
  readonly spool: SpoolNeeds;
  /** What is compressed inside of images, undone as long as the request lasts. */
  readonly unpack: Unpack;
}

export function fileSystemJobs(needs: FileSystemNeeds): FileSystemJobs {
  const { disks, engine, host, spool } = needs;
  const { room, limits } = spool;
  const inWorkshop = workshops(engine, host);
  const all = { ...needs, room, inWorkshop, maxImageBytes: limits.maxImageBytes };

  return {
    make: (name, condition, order, contents) => makeImage(all, name, condition, order, contents),
    makeDisk: (name, condition, order) => makeDiskImage(all, name, condition, order),
    partition: (name, condition, order) => partitionImage(all, name, condition, order),
    resize: (name, condition, order) => resizeImage(all, name, condition, order),
    async check(name, condition, { how, type: asked, partition }, streams) {
      const repairs = how !== 'look';
      const disk = repairs ? await disks.open(name, condition) : undefined;
      try {
        const { device, etag } = disk ? { device: disk.device, etag: '' } : await openedImage(all, name);
        if (!repairs && condition.ifMatch !== undefined && ![etag, '*'].includes(condition.ifMatch))
          throw new HostError('precondition-failed');
        const report = await engine.inspect(device);
        const volume = await findVolume(device, report, { partition, type: asked, can: isChecked });
        const verdict = await inWorkshop({ programMib: CHECKING_MIB }, async (shop) => {
          const shown = repairs ? device : { ...sizeOf(device), read: device.read.bind(device) };
          const path = `${await shop.attach(shown)}${volume.partition ?? ''}`;
          if (repairs && (await needsNoRepair(shop, path, volume.type, how, streams))) return 'sound';
          const found = await checkFileSystem(shop, path, volume.type, how, streams);
          if (repairs) await shop.commit();
          return found;
        });
        // A version of its own for the date of the check is none.
        if (verdict === 'sound')
          return { verdict: 'clean', type: volume.type, etag: disk?.etag ?? etag, version: undefined };
        const written = disk ? await disk.commit() : { etag, version: undefined };
        return { verdict, type: volume.type, ...written };
      } finally {
        await disk?.close();
      }
    },
  };
}
