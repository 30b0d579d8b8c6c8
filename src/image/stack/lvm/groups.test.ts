/** Groups of LVM2 that are larger than what is made of them. */

import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../bytes/crc32.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { ProbedVolume } from '../../volumes/volumes.ts';
import type { StackTools } from '../kind.ts';
import { lvmKind } from '../kinds/lvm.ts';

const AREA = 4096;
const UUID = '0'.repeat(32);
const ID = '000000-0000-0000-0000-0000-0000-000000';
const encoder = new TextEncoder();

const volume = (number: number) => `lv${number} {
id = "${ID.slice(0, -4)}${String(number).padStart(4, '0')}"
status = ["READ", "WRITE", "VISIBLE"]
segment_count = 1
segment1 {
start_extent = 0
extent_count = 1
type = "striped"
stripe_count = 1
stripes = ["pv0", ${number}]
}
}`;

const group = (volumes: number) => `vg {
id = "${ID}"
seqno = 1
extent_size = 8
physical_volumes { pv0 {
id = "${ID}"
pe_start = 2048
pe_count = 100000
} }
logical_volumes { ${Array.from({ length: volumes }, (_, i) => volume(i)).join('\n')} }
}
`;

/** The start value of lvm2, and no inversion. */
const checksum = (bytes: Uint8Array) => ~crc32(bytes, ~0xf597a6cf) >>> 0;

/** A physical volume with this metadata, which it says is so long. */
function member(metadata: string, length = metadata.length): ProbedVolume {
  const disk = new Uint8Array(AREA + 512 + metadata.length + 4096);
  const view = new DataView(disk.buffer);
  const u64 = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
  disk.set(encoder.encode('LABELONE'), 512);
  u64(520, 1);
  view.setUint32(532, 32, true);
  disk.set(encoder.encode(`LVM2 001${UUID}`), 536);
  u64(584, 2048 * 512); // the area of data
  u64(616, AREA);
  u64(624, 2 ** 25);
  view.setUint32(528, checksum(disk.subarray(532, 1024)), true);
  disk.set(encoder.encode(' LVM2 x[5A%r0N*>'), AREA + 4);
  u64(AREA + 24, AREA);
  u64(AREA + 32, 2 ** 25);
  u64(AREA + 40, 512);
  u64(AREA + 48, length);
  disk.set(encoder.encode(metadata), AREA + 512);
  view.setUint32(AREA + 56, checksum(disk.subarray(AREA + 512, AREA + 512 + metadata.length)), true);
  view.setUint32(AREA, checksum(disk.subarray(AREA + 4, AREA + 512)), true);
  const read = async (at: number, bytes: number) => {
    const answer = new Uint8Array(bytes);
    answer.set(disk.subarray(at, at + bytes));
    return answer;
  };
  return { title: 'the whole image', bytes: { sizeBytes: 2 ** 26, read } } as unknown as ProbedVolume;
}

/** No more devices than these are made. */
function tools(most: number): StackTools {
  let made = 0;
  const make = async () => {
    if (made === most) throw new HostError('bad-stack', `more than ${most} volumes are stacked`);
    made += 1;
    return { name: `dm-${made}`, major: 252, minor: made, sectors: 8 };
  };
  const device = async () => ({ name: 'vda', major: 254, minor: 0, sectors: 2 ** 17 });
  return { make, device, writable: false, evenIfIncomplete: false } as unknown as StackTools;
}

async function opened(one: ProbedVolume, most: number) {
  const problems: string[] = [];
  const [found] = await lvmKind.group([one], tools(most));
  const made = await found?.open(({ message }) => void problems.push(message));
  return { made: made?.map(({ title }) => title), problems };
}

describe('a group with more volumes than are made', () => {
  it('has those that were made, and tells of the first that is not', async () => {
    const { made, problems } = await opened(member(group(300)), 100);
    expect(made).toEqual(Array.from({ length: 100 }, (_, i) => `/dev/vg/lv${i}`));
    expect(problems).toEqual(['/dev/vg/lv100 and what comes behind it: more than 100 volumes are stacked']);
  });

  it('has all of them where that is enough', async () => {
    const { made, problems } = await opened(member(group(300)), 300);
    expect(made).toHaveLength(300);
    expect(problems).toEqual([]);
  });
});

it('metadata that is longer than what is read says so, not that it lies where it cannot', async () => {
  await expect(opened(member(group(1), 2 ** 24 + 1), 1)).rejects.toThrow(
    'the whole image (LVM2): its metadata has 16,777,217 bytes, and 16,777,216 at most are read',
  );
});
