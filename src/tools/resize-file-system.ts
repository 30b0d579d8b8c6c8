/** Makes a file system as large as is asked, by its own programs: alone, or mounted where only its driver can. */

import { HostError } from '../errors/host-error.ts';
import { checkFileSystem } from './check-file-system.ts';
import type { Workshop } from './workshop.ts';

interface Resizing {
  readonly shrinks: boolean;
  readonly resize: (workshop: Workshop, disk: string, type: string, bytes: number) => Promise<void>;
}

/** What resize2fs wants to know first. */
async function checked(workshop: Workshop, disk: string, type: string): Promise<void> {
  const verdict = await checkFileSystem(workshop, disk, type, 'safe', {});
  if (verdict === 'damaged') throw new HostError('cannot-resize', `the ${type} has errors: repair it first (fsck)`);
}

const ext: Resizing = {
  shrinks: true,
  async resize(workshop, disk, type, bytes) {
    await checked(workshop, disk, type);
    // "s": sectors of 512 bytes.
    await workshop.must(['resize2fs', disk, `${Math.floor(bytes / 512)}s`]);
  },
};

const resizings: Readonly<Record<string, Resizing>> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  xfs: {
    shrinks: false,
    resize: (workshop, disk, type) =>
      workshop.mounted(disk, type, (mountPoint) => workshop.must(['xfs_growfs', '-d', mountPoint])),
  },
  btrfs: {
    shrinks: true,
    resize: (workshop, disk, type, bytes) =>
      workshop.mounted(disk, type, (mountPoint) =>
        workshop.must(['btrfs', 'filesystem', 'resize', String(bytes), mountPoint]),
      ),
  },
};

/** Whether a file system of this type can become smaller; undefined: it cannot be resized at all. */
export const canShrink = (type: string): boolean | undefined =>
  Object.hasOwn(resizings, type) ? resizings[type]?.shrinks : undefined;

export const resizedTypes: readonly string[] = Object.keys(resizings);

/** The disk is large enough for both sizes. Rejects with `cannot-resize`, or `tool-failed` with what the program said. */
export async function resizeFileSystem(workshop: Workshop, disk: string, type: string, bytes: number): Promise<void> {
  const resizing = Object.hasOwn(resizings, type) ? resizings[type] : undefined;
  if (!resizing) {
    throw new HostError('cannot-resize', `${type} keeps its size: ${resizedTypes.join(', ')} can be resized`);
  }
  await resizing.resize(workshop, disk, type, bytes);
}
