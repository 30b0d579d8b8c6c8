/** Volumes as errors tell of them: number, type, label, size. */

import { type ProbedVolume, type Volume, volumeBytesOf, WHOLE } from './volumes.ts';
import { type ProbedPartition, withoutRepeated } from './whole-or-partitions.ts';

export const describe = async (volume: ProbedVolume | ProbedPartition) => ({
  ...(volume.partition !== undefined && { number: volume.partition }),
  ...(isPlain(volume) ? {} : { name: volume.title }),
  type: volume.superblocks[0]?.types[0] ?? (await volume.content())?.type,
  label: (await volume.fileSystem())?.label ?? volume.label,
  size_bytes: volumeBytesOf(volume),
});

/** Of the first image: its number says it all. */
export const isPlain = ({ title, partition }: Volume): boolean => title === WHOLE || title === `partition ${partition}`;

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(4))} ${UNITS[power]}`;
}

/** Each with what tells it from the others: number, type, label, size. */
export async function inWords(volumes: readonly ProbedVolume[]): Promise<string> {
  const words: string[] = [];
  for (const volume of withoutRepeated(volumes)) {
    const { type, label, size_bytes } = await describe(volume);
    const facts = [type, label && `"${label}"`, sizeText(size_bytes)].filter(Boolean).join(', ');
    words.push(`${volume.title} (${facts})`);
  }
  return words.join('; ');
}
