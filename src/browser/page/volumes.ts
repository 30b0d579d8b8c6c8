/** What of an image can be looked into: the whole of it, or partitions with a file system. */

import type { ImageReport } from '../../image/mounted-image.ts';
import { shownBytes } from './text.ts';

export interface VolumeChoice {
  readonly partition: number | undefined;
  readonly title: string;
  /** Undefined: nothing that the kernel can mount. */
  readonly type: string | undefined;
  readonly facts: string;
}

export function volumesOf({ fileSystem, partitions, sizeBytes }: ImageReport): VolumeChoice[] {
  const whole: VolumeChoice[] = fileSystem
    ? [
        {
          partition: undefined,
          title: 'whole image',
          type: fileSystem.type,
          facts: factsOf([fileSystem.type, fileSystem.label, shownBytes(sizeBytes)]),
        },
      ]
    : [];
  return [
    ...whole,
    ...partitions.map(({ number, label, sizeBytes, fileSystem }) => ({
      partition: number,
      title: `partition ${number}`,
      type: fileSystem?.type,
      facts: factsOf([fileSystem?.type ?? 'no file system', fileSystem?.label ?? label, shownBytes(sizeBytes)]),
    })),
  ];
}

const factsOf = (facts: readonly (string | undefined)[]): string => facts.filter(Boolean).join(' · ');
