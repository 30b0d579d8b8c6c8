import { describe, expect, it } from 'vitest';
import { parseTable, resizedTable, tableScript } from './partition-table.ts';

const MIB = 2048;
const gpt = parseTable(`label: gpt
label-id: 0B0A1C2D-0000-4000-8000-000000000001
device: /dev/vda
unit: sectors
first-lba: 34
last-lba: 131038
sector-size: 512

/dev/vda1 : start=        2048, size=       20480, type=C12A7328-F81F-11D2-BA4B-00C93EC93B, uuid=A, name="with : and, start= 1"
/dev/vda3 : start=       22528, size=      108510, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=B, attrs="GUID:59"
`);
const dos = parseTable(`label: dos
label-id: 0x9fd953b0
device: q.img
unit: sectors
sector-size: 512

q.img1 : start=        2048, size=       20480, type=c, bootable
q.img2 : start=       22528, size=       59392, type=5
q.img5 : start=       24576, size=       10240, type=83
q.img6 : start=       36864, size=       45056, type=82
`);

describe('a partition table', () => {
  it('is read and written as sfdisk has it, names and gaps included', () => {
    expect(gpt.entries.map(({ number }) => number)).toEqual([1, 3]);
    expect(parseTable(tableScript(gpt)).entries).toEqual(gpt.entries);
    expect(tableScript(gpt)).not.toContain('device:');
  });

  it('of a larger disk has a last partition as large as fits before the backup table', () => {
    const { table, before, after } = resizedTable(gpt, 3, 128 * MIB);
    expect(before.size).toBe(108510);
    expect(after.size).toBe(128 * MIB - 22528 - MIB);
    expect(table.headers.get('last-lba')).toBe(String(128 * MIB - 34));
    expect(table.entries[0]).toEqual(gpt.entries[0]);
  });

  it('of a smaller disk too, and the extended partition ends with the logical one in it', () => {
    const { table } = resizedTable(dos, 6, 30 * MIB);
    expect(table.entries.map(({ start, size }) => start + size)).toEqual([22528, 30 * MIB, 34816, 30 * MIB]);
  });

  it.each([
    [gpt, 1, 128, /partition 3 lies behind partition 1/],
    [dos, 5, 128, /partition 6 lies behind partition 5/],
    [dos, 1, 128, /lies behind/],
    [gpt, 2, 128, /no partition 2/],
    [gpt, 3, 11, /leaves nothing/],
    [parseTable('label: sun\n\nx1 : start=0, size=8\n'), 1, 8, /type sun/],
    [parseTable('label: gpt\nsector-size: 4096\n\nx1 : start=8, size=8\n'), 1, 8, /other sectors/],
  ])('%# is refused in words', (table, number, mib, words) => {
    expect(() => resizedTable(table, number, mib * MIB)).toThrow(words);
  });
});
