/** What is said to be on an image: by its bytes, and by the kernel once it is mounted. */

import { describe, expect, it } from 'vitest';
import { caseDevice, fixtureDevice, fixtures } from '../../fixtures/load.ts';
import { mounter } from '../kernel.ts';

const whole = Object.entries(fixtures).flatMap(([name, { volumes }]) =>
  volumes.flatMap(({ partition, type }) => (partition === null && type !== null ? [{ name, type }] : [])),
);

const labels: Readonly<Record<string, string>> = { 'iso9660-rock-ridge': 'ROCK' };

describe('an image', () => {
  it.each(whole)('of $type has one label and one UUID, whoever is asked: $name', async ({ name, type }) => {
    const { content, fileSystem, partitions } = await mounter.inspect(await fixtureDevice(name));
    expect(partitions).toEqual([]);
    expect(fileSystem?.type).toBe(type);
    expect(content).toMatchObject({ type: type === 'ntfs3' ? 'ntfs' : type });
    expect([content?.label, content?.uuid]).toEqual([fileSystem?.label, fileSystem?.uuid]);
    if (labels[name] !== undefined) expect(content?.label).toBe(labels[name]);
  });
});

describe('a partition', () => {
  it('has the type that the table gives it, in words too', async () => {
    const { partitions, partitionTable, partitionTableId } = await mounter.inspect(await caseDevice('rpi'));
    expect(partitionTable).toBe('dos');
    expect(partitionTableId).toMatch(/^[0-9a-f]{8}$/);
    expect(partitions.map(({ typeCode, typeName }) => [typeCode, typeName])).toEqual([
      ['0x0c', 'W95 FAT32 (LBA)'],
      ['0x83', 'Linux'],
    ]);
  });

  it('of an Apple map has the name of its type, and its own', async () => {
    const { partitions, partitionTable } = await mounter.inspect(await fixtureDevice('disk-mac'));
    expect(partitionTable).toBe('mac');
    expect(partitions[0]).toMatchObject({ typeCode: 'Apple_partition_map', label: expect.any(String) });
  });

  it('has one too where it is a logical one', async () => {
    const { partitions } = await mounter.inspect(await fixtureDevice('disk-mbr'));
    for (const { typeCode } of partitions) expect(typeCode).toMatch(/^0x[0-9a-f]{2}$/);
  });
});
