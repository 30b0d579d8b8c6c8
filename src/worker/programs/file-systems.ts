/** File systems of stored images, and whole disks: made, of trees too, checked, repaired, resized, by their own programs. */

import { HostError } from '../../errors/host-error.ts';
import type { PartitionSelector } from '../../image/mounted-image.ts';
import type { DeriveMeans } from '../../image/stack/derive.ts';
import type { Unlock } from '../../image/stack/keyring.ts';
import type { Host } from '../../kernel/host.ts';
import type { Linux } from '../../linux.ts';
import { sizeOf } from '../../storage/block-device.ts';
import { type Changes, changes } from '../../storage/layers/changes.ts';
import { checkFileSystem, needsNoRepair } from '../../tools/file-system/check-file-system.ts';
import { type CheckHow, isChecked, type Verdict } from '../../tools/file-system/file-systems.ts';
import { findVolume } from '../../tools/find-volume.ts';
import { isInside, nothingKnown } from '../../tools/volume.ts';
import type { Streams, Workshop } from '../../tools/workshop.ts';
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
  /** What opens the volume that it is in. */
  readonly unlock: Unlock;
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
  /** What keys of passphrases may cost. */
  readonly derive: DeriveMeans;
}

/** Of a look: what opening the volumes writes. */
const LOOK_MIB = 8;

export function fileSystemJobs(needs: FileSystemNeeds): FileSystemJobs {
  const { disks, engine, host, spool, derive } = needs;
  const { room, limits } = spool;
  const inWorkshop = workshops(engine, host);
  const all = { ...needs, room, inWorkshop, maxImageBytes: limits.maxImageBytes };

  return {
    make: (name, condition, order, contents) => makeImage(all, name, condition, order, contents),
    makeDisk: (name, condition, order) => makeDiskImage(all, name, condition, order),
    partition: (name, condition, order) => partitionImage(all, name, condition, order),
    resize: (name, condition, order) => resizeImage(all, name, condition, order),
    async check(name, condition, { how, type: asked, partition, unlock }, streams) {
      const repairs = how !== 'look';
      const disk = repairs ? await disks.open(name, condition) : undefined;
      const forgotten: Changes[] = [];
      try {
        const { device, etag } = disk ? { device: disk.device, etag: '' } : await openedImage(all, name);
        if (!repairs && condition.ifMatch !== undefined && ![etag, '*'].includes(condition.ifMatch))
          throw new HostError('precondition-failed');
        const report = await engine.inspect(device);
        const readOnly = { ...sizeOf(device), read: device.read.bind(device) };
        const checked = async (shop: Workshop, path: string, type: string) => {
          if (repairs && (await needsNoRepair(shop, path, type, how, streams)))
            return { type, verdict: 'sound' as const };
          return { type, verdict: await checkFileSystem(shop, path, type, how, streams) };
        };
        /** What is on others is opened by writing to it: for a look nothing of that is kept. */
        const inside = (shop: Workshop) => {
          const forgetting = () => changes(readOnly, { memoryMib: LOOK_MIB, room });
          if (!repairs) forgotten.push(forgetting());
          return shop.withVolume(
            forgotten[0] ?? device,
            { partition, unlock },
            ({ path, type = asked, title }) => {
              if (type === undefined) throw nothingKnown(title);
              return checked(shop, path, asked ?? type);
            },
            { derive, replayMib: LOOK_MIB },
          );
        };
        const { verdict, type } = await inWorkshop({ programMib: CHECKING_MIB }, async (shop) => {
          if (isInside(report, partition, asked)) return inside(shop);
          const volume = await findVolume(device, report, { partition, type: asked, can: isChecked });
          const path = `${await shop.attach(repairs ? device : readOnly)}${volume.partition ?? ''}`;
          const found = await checked(shop, path, volume.type);
          if (repairs) await shop.commit();
          return found;
        });
        // A version of its own for the date of the check is none.
        if (verdict === 'sound') return { verdict: 'clean', type, etag: disk?.etag ?? etag, version: undefined };
        const written = disk ? await disk.commit() : { etag, version: undefined };
        return { verdict, type, ...written };
      } finally {
        for (const one of forgotten) await one.close();
        await disk?.close();
      }
    },
  };
}
