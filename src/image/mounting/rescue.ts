/** How what no driver mounts as it is may be mounted all the same, to read what is left of it. */

import type { Superblock } from '../probe/superblock/superblocks.ts';
import { WITHOUT_JOURNAL } from './mount-failed.ts';

interface Rescue {
  readonly options: string;
  /** What that means for the tree. */
  readonly means: string;
}

const withoutJournal = (options: string): Rescue => ({ options, means: WITHOUT_JOURNAL });

/** In the order in which they are tried. None of them writes. */
const rescues: Readonly<Record<string, readonly [Rescue, ...Rescue[]]>> = {
  ext3: [withoutJournal('noload')],
  ext4: [withoutJournal('noload'), withoutJournal('noload,noblock_validity')],
  xfs: [withoutJournal('norecovery')],
  nilfs2: [withoutJournal('norecovery')],
  f2fs: [withoutJournal('norecovery')],
  btrfs: [
    {
      options: 'rescue=usebackuproot,rescue=nologreplay,rescue=ignorebadroots',
      means: 'subvolumes may be missing, and the last changes',
    },
    {
      options: 'rescue=all',
      means: 'files may be missing, and their data are not held against checksums',
    },
  ],
};

/** What the driver is asked to do: as a superblock row, without what only describes. */
export type Attempt = Pick<Superblock, 'types' | 'options'> & { readonly rescue?: Rescue };

export const canBeRescued = (type: unknown): boolean => typeof type === 'string' && Object.hasOwn(rescues, type);

/** Each driver as it is, then what may read a tree of it that is not whole. */
export const withRescue = (attempts: readonly Attempt[]): readonly Attempt[] => [
  ...attempts,
  ...attempts.flatMap((attempt) =>
    (rescues[attempt.types[0]] ?? []).map((rescue) => ({
      ...attempt,
      options: [attempt.options, rescue.options].filter(Boolean).join(','),
      rescue,
    })),
  ),
];

/** Told of a tree that was mounted so. */
export const rescued = (title: string, { options, means }: Rescue): string =>
  `${title} cannot be mounted as it is, and was with ${options}: ${means}`;
