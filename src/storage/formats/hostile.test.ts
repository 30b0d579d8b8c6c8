/** Files whose tables are made to cost whoever reads them more than they are worth: each is refused, in words, before it costs that. */

import { describe, expect, it } from 'vitest';
import { formatFile } from '../../../test/fixtures/formats/file.ts';
import { memorySource } from '../byte-source.ts';
import { openDisk } from '../open-disk.ts';
import { crc32c } from './vhdx/crc32c.ts';

const SECTOR = 4096;
const MIB = 2 ** 20;
const HEADER_AT = 64 * 1024;
/** Behind the regions of a file that qemu-img made. */
const LOG_AT = MIB;

interface LogEntry {
  readonly at: number;
  readonly bytes: number;
  readonly sequence: bigint;
  readonly tail: number;
  readonly descriptors?: readonly { readonly kind: 'zero'; readonly at: number; readonly bytes: number }[];
}

/** The fixture as if its host had gone away, with this in its log. Entries that lie in each other are given from the last to the first. */
async function withLog(entries: readonly LogEntry[], logBytes = MIB): Promise<Uint8Array> {
  const whole = await formatFile('plain.vhdx');
  const file = new Uint8Array(Math.max(whole.length, LOG_AT + logBytes));
  file.set(whole);
  const view = new DataView(file.buffer);
  for (const { at, bytes, sequence, tail, descriptors = [] } of entries) {
    const begin = LOG_AT + at;
    file.set(new TextEncoder().encode('loge'), begin);
    view.setUint32(begin + 8, bytes, true);
    view.setUint32(begin + 12, tail, true);
    view.setBigUint64(begin + 16, sequence, true);
    view.setUint32(begin + 24, descriptors.length, true);
    file.fill(7, begin + 32, begin + 48); // the log's id
    view.setBigUint64(begin + 56, BigInt(whole.length), true);
    for (const [index, { kind, at: place, bytes: length }] of descriptors.entries()) {
      const descriptor = begin + 64 + 32 * index;
      file.set(new TextEncoder().encode(kind), descriptor);
      view.setBigUint64(descriptor + 8, BigInt(length), true);
      view.setBigUint64(descriptor + 16, BigInt(place), true);
      view.setBigUint64(descriptor + 24, sequence, true);
    }
    view.setUint32(begin + 4, crc32c(file.subarray(begin, begin + bytes), 4), true);
  }
  file.fill(7, HEADER_AT + 48, HEADER_AT + 64);
  view.setUint32(HEADER_AT + 68, logBytes, true);
  view.setBigUint64(HEADER_AT + 72, BigInt(LOG_AT), true);
  view.setBigUint64(HEADER_AT + 8, 2n ** 40n, true); // the newer of both headers
  view.setUint32(HEADER_AT + 4, crc32c(file.subarray(HEADER_AT, HEADER_AT + SECTOR), 4), true);
  return file;
}

const open = (file: Uint8Array, maxPieceBytes?: number) => openDisk(memorySource(file), { maxPieceBytes });

describe('the log of a VHDX', () => {
  it('clears what it says, once it is replayed', async () => {
    const plain = await open(await formatFile('plain.vhdx'));
    const before = new Uint8Array(plain.sizeBytes);
    await plain.content.read(0, before);
    const cleared = { kind: 'zero', at: 8 * MIB, bytes: 2 ** 40 } as const;
    const near = { kind: 'zero', at: 8 * MIB + SECTOR, bytes: SECTOR } as const;
    const entry = { at: 0, bytes: SECTOR, sequence: 9n, tail: 0, descriptors: [near, cleared, near] };
    const { content } = await open(await withLog([entry]));
    const after = new Uint8Array(content.sizeBytes);
    await content.read(0, after);
    expect(before.some((byte) => byte !== 0)).toBe(true);
    expect(after.every((byte) => byte === 0)).toBe(true);
  });

  it('is refused where its entries lie in each other', async () => {
    const entries = Array.from({ length: 256 }, (_, index): LogEntry => {
      const at = MIB - (index + 1) * SECTOR;
      return { at, bytes: MIB - at, sequence: BigInt(1000 - index), tail: at };
    });
    await expect(open(await withLog(entries))).rejects.toThrow('entries of its log lie in each other');
  });

  it('is refused where it clears ranges without end', async () => {
    const descriptors = Array.from({ length: 17_000 }, (_, index) => {
      return { kind: 'zero', at: 2 ** 33 + 2 * SECTOR * index, bytes: SECTOR } as const;
    });
    const entry = { at: 0, bytes: Math.ceil((64 + 32 * 17_000) / SECTOR) * SECTOR, sequence: 9n, tail: 0, descriptors };
    await expect(open(await withLog([entry]))).rejects.toThrow('clears more than 16384 ranges');
  });

  it('is refused where it has more than the host holds in one piece', async () => {
    await expect(open(await withLog([], 9 * MIB), 8 * MIB)).rejects.toThrow('a log of 9437184 bytes: this host holds');
  });
});

it.each(['stream.vmdk', 'disk.cloop', 'case.E01', 'disk.dmg', 'snap.qcow2'])(
  '%s is refused by a host that cannot hold one of its pieces',
  async (name) => {
    await expect(open(await formatFile(name), 50)).rejects.toThrow('this host holds 50 in one piece');
  },
);

it.each([
  ['its first table', { 40: [0x7f, 0xff] }, 'its first table is said to be where no file has anything'],
  ['its reference counts', { 48: [0x7f, 0xff] }, 'its table of reference counts is said to be where'],
  ['its features', { 76: [0xff] }, 'it uses features that are not known here (0xff000000)'],
  ['how many bits they have', { 96: [0xff, 0xff, 0xff, 0xff] }, 'reference counts of more than 64 bits'],
])('a qcow2 whose header is damaged is told as that, and not as one that was cut: %s', async (_, damage, message) => {
  const file = (await formatFile('v3.qcow2')).slice();
  for (const [at, bytes] of Object.entries(damage)) file.set(bytes, Number(at));
  await expect(open(file)).rejects.toThrow(`qcow2: ${message}`);
});

describe('texts', () => {
  it('of a VMDK are read in time that grows with their length', async () => {
    const blanks = ' '.repeat(300_000);
    const text = `# Disk DescriptorFile\n.${blanks}=${blanks}"${blanks}"x\nRW 8 ZERO\n`;
    expect((await open(new TextEncoder().encode(text))).sizeBytes).toBe(4096);
  });

  it('of a DMG are, too, and are refused where they have no end', async () => {
    const file = new TextEncoder().encode(`${'<key>blkx</key><array>'.repeat(100_000)}${' '.repeat(512)}`);
    const trailer = new DataView(file.buffer, file.length - 512);
    file.set(new TextEncoder().encode('koly'), file.length - 512);
    trailer.setUint32(4, 4);
    trailer.setUint32(8, 512);
    trailer.setBigUint64(216, 0n);
    trailer.setBigUint64(224, BigInt(file.length - 512));
    await expect(open(file)).rejects.toThrow('its property list has no block tables');
  });
});
