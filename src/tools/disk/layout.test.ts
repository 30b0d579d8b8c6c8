import { describe, expect, it } from 'vitest';
import { layOut, tableWords } from './layout.ts';
import type { DiskPlan, PlannedPartition } from './plan.ts';

const MIB = 2 ** 20;
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4';

const partition = (more: Partial<PlannedPartition> = {}): PlannedPartition => ({
  name: 'one',
  typeGuid: LINUX,
  label: 'one',
  uuid: undefined,
  attributes: [],
  bootable: false,
  content: { kind: 'empty' },
  minBytes: undefined,
  maxBytes: undefined,
  weight: 1000,
  inTable: true,
  ...more,
});
const plan = (partitions: readonly PlannedPartition[], more: Partial<DiskPlan> = {}): DiskPlan => ({
  table: 'gpt',
  id: undefined,
  partitions,
  sizeBytes: undefined,
  alignBytes: MIB,
  ...more,
});

describe('the layout of a new disk', () => {
  it('is one partition behind another, each on a MiB, and room for the table at both ends', () => {
    const { sizeBytes, partitions } = layOut(plan([partition(), partition({ minBytes: 3 * MIB })]), [5000, 1]);
    expect(partitions).toEqual([
      { startBytes: MIB, sizeBytes: 8192 },
      { startBytes: 2 * MIB, sizeBytes: 3 * MIB },
    ]);
    expect(sizeBytes).toBe(6 * MIB);
  });

  it.each([64, 100, 1000, 1024 * 1024])(
    'gives what is left of %i MiB by weight, to none more than it may have',
    (mib) => {
      const three = [partition({ weight: 1 }), partition({ weight: 3 }), partition({ weight: 500, maxBytes: 9 * MIB })];
      const { sizeBytes, partitions } = layOut(plan(three, { sizeBytes: mib * MIB }), [MIB, MIB, MIB]);
      const [a, b, c] = partitions.map((one) => one.sizeBytes);
      expect(c).toBeLessThanOrEqual(9 * MIB);
      expect(c).toBeGreaterThan(8 * MIB - 1);
      expect((b ?? 0) / (a ?? 1)).toBeGreaterThan(2.2);
      expect((b ?? 0) / (a ?? 1)).toBeLessThan(3.2);
      const last = partitions.at(-1);
      expect((last?.startBytes ?? 0) + (last?.sizeBytes ?? 0)).toBeLessThanOrEqual(sizeBytes - 33 * 512);
      for (const [i, one] of partitions.entries()) {
        const next = partitions[i + 1];
        if (next) expect(next.startBytes).toBeGreaterThanOrEqual(one.startBytes + one.sizeBytes);
      }
    },
  );

  it('never makes a partition smaller than what is in it', () => {
    const needs = [1.5 * MIB, 2.7 * MIB, 12_288];
    const { partitions } = layOut(
      plan(
        needs.map(() => partition()),
        { sizeBytes: 8 * MIB },
      ),
      needs,
    );
    for (const [i, one] of partitions.entries()) expect(one.sizeBytes).toBeGreaterThanOrEqual(needs[i] ?? 0);
  });

  it.each([
    [plan([partition()], { sizeBytes: 2 * MIB }), [5 * MIB], /has 2,097,152 bytes, its partitions want 7,340,032/],
    [
      plan(
        [1, 2, 3, 4, 5].map(() => partition()),
        { table: 'dos' },
      ),
      [1, 1, 1, 1, 1],
      /4 partitions/,
    ],
    [plan([partition(), partition({ offset: MIB, name: 'two' })]), [MIB, MIB], /two at byte 1048576 lies over one/],
    [plan([partition({ offset: 100 })]), [MIB], /inside of a sector/],
    [plan([partition({ offset: 8192, inTable: false })]), [MIB], /lies over the partition table/],
  ])('%# is refused in words', (one, needs, words) => {
    expect(() => layOut(one, needs)).toThrow(words);
  });

  it('is told to sfdisk with names that it does not take for words', () => {
    const one = plan([partition({ label: 'a "b\\c', attributes: ['GUID:59'] })]);
    const words = tableWords(one, layOut(one, [MIB]), 'ID', ['UUID']);
    expect(words).toContain('name="a \\x22b\\x5cc", attrs="GUID:59"');
  });

  it('has partitions before the first MiB where it is told so, as images for PCs of Buildroot have', () => {
    const one = plan([partition({ offset: 32_768, bootable: true })]);
    const words = tableWords(one, layOut(one, [MIB]), 'ID', ['UUID']);
    expect(words).toContain('first-lba: 34\n');
    expect(words).toContain('start=64, size=2048');
    expect(words).toContain('attrs="LegacyBIOSBootable"');
  });
});
