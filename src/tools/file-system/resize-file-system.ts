/** Makes a file system as large as is asked, by its own programs: alone, or mounted where only its driver can. */

import { HostError } from '../../errors/host-error.ts';
import { SECTOR } from '../../storage/block-device.ts';
import type { Workshop } from '../workshop.ts';
import { checkFileSystem } from './check-file-system.ts';
import { driverOf, toolsOf, typesThere } from './file-systems.ts';

/** Where it is: all of a disk (/dev/vda), a partition of it, or a device that the kernel makes of one (/dev/dm-0). */
export type Place = { readonly disk: string; readonly partition: number | undefined } | { readonly device: string };

interface Resizing {
  readonly shrinks: boolean;
  /** What must be so before anything is changed. */
  readonly prepare?: (workshop: Workshop, device: string, type: string) => Promise<void>;
  readonly resize: (workshop: Workshop, place: Place, type: string, size: NewSize) => Promise<void>;
}

export interface NewSize {
  readonly bytes: number;
  readonly isSmaller: boolean;
}

/** /dev/vda1. */
const deviceOf = (place: Place): string => ('device' in place ? place.device : `${place.disk}${place.partition ?? ''}`);

const ext: Resizing = {
  shrinks: true,
  // resize2fs wants to know that there are no errors.
  async prepare(workshop, device, type) {
    const verdict = await checkFileSystem(workshop, device, type, 'safe', {});
    if (verdict === 'damaged') throw new HostError('cannot-resize', `the ${type} has errors: repair it first (fsck)`);
  },
  // "s": sectors of 512 bytes.
  resize: (workshop, place, _, { bytes }) =>
    workshop.must(['resize2fs', deviceOf(place), `${Math.floor(bytes / SECTOR)}s`]),
};

const mounted = (workshop: Workshop, place: Place, type: string, argv: readonly string[]): Promise<void> => {
  const work = (mountPoint: string) => workshop.must([...argv, mountPoint]);
  if ('device' in place) return workshop.mountedAt(place.device, type, work);
  return workshop.mounted(place.disk, type, work, { partition: place.partition ?? 'whole' });
};

const ntfs: Resizing = {
  shrinks: true,
  // Not by ntfsfix: that looks for the copy of the boot sector where a larger disk ends.
  async prepare(workshop, device) {
    const { exitCode } = await workshop.run(['ntfsresize', '--info', '--force', '--no-progress-bar', device]);
    if (exitCode !== 0) throw new HostError('cannot-resize', 'the ntfs has errors: repair it first (fsck)');
  },
  async resize(workshop, place, _, { bytes }) {
    // Twice: it is not asked whether that is meant. It leaves a note for Windows to check it.
    await workshop.must(['ntfsresize', '-f', '-f', '--no-progress-bar', '-s', String(bytes), deviceOf(place)]);
    // The copy of the boot sector is at the new end.
    await workshop.must(['ntfsfix', deviceOf(place)]);
  },
};

const f2fs: Resizing = {
  shrinks: true,
  async prepare(workshop, device, type) {
    const verdict = await checkFileSystem(workshop, device, type, 'look', {});
    if (verdict === 'damaged') throw new HostError('cannot-resize', `the ${type} has errors: repair it first (fsck)`);
  },
  // -s: without it nothing becomes smaller.
  async resize(workshop, place, _, { bytes, isSmaller }) {
    const sectors = String(Math.floor(bytes / SECTOR));
    try {
      await workshop.must(['resize.f2fs', ...(isSmaller ? ['-s'] : []), '-t', sectors, deviceOf(place)]);
    } catch (cause) {
      // It says what it has tried, and ends there; the file system is as it was.
      const isFull = cause instanceof HostError && cause.message.includes('move_one_curseg_info:');
      if (!isFull) throw cause;
      throw new HostError(
        'cannot-resize',
        'the f2fs is too small or too full for resize.f2fs, which moves its segments',
      );
    }
  },
};

const resizings: Readonly<Record<string, Resizing>> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  xfs: {
    shrinks: false,
    resize: (workshop, place, type) => mounted(workshop, place, type, ['xfs_growfs', '-d']),
  },
  btrfs: {
    shrinks: true,
    resize: (workshop, place, type, { bytes }) =>
      mounted(workshop, place, type, ['btrfs', 'filesystem', 'resize', String(bytes)]),
  },
  f2fs,
  ntfs,
};

const resizingOf = (type: string): Resizing | undefined => {
  const known = Object.keys(resizings).find((name) => name === type || driverOf(name) === type);
  return known === undefined ? undefined : resizings[known];
};

export const resizedTypes: readonly string[] = Object.keys(resizings);

/** Before anything is changed: rejects with `cannot-resize` where it is known already that it would not go. */
export async function prepareResize(workshop: Workshop, place: Place, type: string, isSmaller: boolean): Promise<void> {
  const resizing = toolsOf(workshop, type) && resizingOf(type);
  if (!resizing)
    throw new HostError(
      'cannot-resize',
      `${type} keeps its size: ${typesThere(workshop, resizedTypes)} can be resized${toolsOf(workshop, type)?.make ? '; as a copy of another size it is made by `lkl convert -t -s`, over HTTP by mkfs with `from`' : ''}`,
    );
  if (isSmaller && !resizing.shrinks) throw new HostError('cannot-resize', `${type} cannot become smaller`);
  await resizing.prepare?.(workshop, deviceOf(place), type);
}

/** After `prepareResize`. The place is large enough for both sizes. Rejects with `tool-failed` and what the program said. */
export async function resizeFileSystem(workshop: Workshop, place: Place, type: string, size: NewSize): Promise<void> {
  await resizingOf(type)?.resize(workshop, place, type, size);
}
