/** Captures of every make become the same datagrams; what is none says why. */

import { describe, expect, test } from 'vitest';
import { concat } from '../../bytes/concat.ts';
import { planReplay } from './plan-replay.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const [a, b, c] = [
  [10, 9, 0, 1],
  [10, 9, 0, 2],
  [10, 9, 0, 3],
];
/** A header that says how long the packet is; nothing behind it was kept. */
const ipv4 = (from: number[] = [], to: number[] = [], length = 100, tos = 0) =>
  bytes(0x45, tos, length >> 8, length & 255, 0, 0, 0, 0, 64, 17, 0, 0, ...from, ...to);
const ipv6 = (from: number, to: number, payload: number) =>
  bytes(0x6b, 0x80, 0, 0, payload >> 8, payload & 255, 17, 64, ...ending(from), ...ending(to));
const ending = (last: number) => [0xfd, ...Array.from({ length: 14 }, () => 0), last];
const ethernet = (packet: Uint8Array, type = [8, 0]) => concat([new Uint8Array(12), bytes(...type), packet]);

function pcap(frames: readonly (readonly [seconds: number, fraction: number, frame: Uint8Array])[], more: object = {}) {
  const { linkType = 1, isLittle = true, magic = 0xa1b2c3d4 } = more as Record<string, never>;
  const u32 = (...values: number[]) => {
    const out = new DataView(new ArrayBuffer(4 * values.length));
    for (const [i, value] of values.entries()) out.setUint32(4 * i, value, isLittle);
    return new Uint8Array(out.buffer);
  };
  return concat([
    u32(magic, 0x40002, 0, 0, 65535, linkType),
    ...frames.flatMap(([s, f, frame]) => [u32(s, f, frame.length, frame.length), frame]),
  ]);
}

function pcapng(frames: readonly (readonly [time: bigint, frame: Uint8Array])[], resolution: number) {
  const block = (type: number, body: Uint8Array) => {
    const padded = concat([body, new Uint8Array(-body.length & 3)]);
    const out = new DataView(new ArrayBuffer(12 + padded.length));
    out.setUint32(0, type, true);
    out.setUint32(4, out.byteLength, true);
    out.setUint32(out.byteLength - 4, out.byteLength, true);
    const all = new Uint8Array(out.buffer);
    all.set(padded, 8);
    return all;
  };
  const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
  return concat([
    block(0x0a0d0d0a, words(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff)),
    block(1, concat([words(1, 0), bytes(9, 0, 1, 0, resolution, 0, 0, 0), words(0)])),
    ...frames.map(([time, frame]) =>
      block(6, concat([words(0, Number(time >> 32n), Number(time & 0xffffffffn), frame.length, frame.length), frame])),
    ),
  ]);
}

const said = { there: [{ atNs: 0, length: 100, dscp: 46 }], back: [{ atNs: 1500, length: 60, dscp: 0 }], skipped: 1 };
const frames = [ipv4(a, b, 100, 46 << 2), ipv4(b, a, 60), ipv4(b, c, 60)].map((packet) => ethernet(packet));
const [one = bytes(), two = bytes(), three = bytes()] = frames;

describe('the same two datagrams', () => {
  test.each([
    [
      'nanoseconds',
      pcap(
        [
          [7, 5, one],
          [7, 1505, two],
          [8, 0, three],
        ],
        { magic: 0xa1b23c4d },
      ),
    ],
    [
      'the other byte order',
      pcap(
        [
          [7, 5, one],
          [7, 1505, two],
          [8, 0, three],
        ],
        { magic: 0xa1b23c4d, isLittle: false },
      ),
    ],
    [
      'pcapng',
      pcapng(
        [
          [7n, one],
          [1507n, two],
          [9000n, three],
        ],
        9,
      ),
    ],
    [
      'out of order',
      pcap(
        [
          [8, 0, three],
          [7, 1505, two],
          [7, 5, one],
        ],
        { magic: 0xa1b23c4d },
      ),
    ],
  ])('%s', (_, file) => expect(planReplay(file, '10.9.0.1', 1)).toEqual(said));
});

test.each([
  ['a VLAN', 1, ethernet(concat([bytes(0, 5), bytes(8, 0), ipv4(a, b)]), [0x81, 0])],
  ['raw IP', 101, ipv4(a, b)],
  ['Linux cooked', 113, concat([new Uint8Array(14), bytes(8, 0), ipv4(a, b)])],
  ['Linux cooked, version 2', 276, concat([bytes(8, 0), new Uint8Array(18), ipv4(a, b)])],
  ['a loopback of BSD', 0, concat([bytes(2, 0, 0, 0), ipv4(a, b)])],
])('%s', (_, linkType, frame) =>
  expect(planReplay(pcap([[1, 0, frame]], { linkType }), undefined, 1).there).toEqual([
    { atNs: 0, length: 100, dscp: 0 },
  ]),
);

test('IPv6, twice as fast, the source of the first packet as the client', () =>
  expect(
    planReplay(
      pcap(
        [
          [1, 0, ipv6(1, 2, 60)],
          [1, 10, ipv6(2, 1, 20)],
        ],
        { linkType: 101 },
      ),
      undefined,
      2,
    ),
  ).toEqual({
    there: [{ atNs: 0, length: 100, dscp: 46 }],
    back: [{ atNs: 5000, length: 60, dscp: 46 }],
    skipped: 0,
  }));

test('what a device was to cut up comes in several', () =>
  expect(
    planReplay(pcap([[1, 0, ethernet(ipv4(a, b, 3200))]]), undefined, 1, 1500).there.map(({ length }) => length),
  ).toEqual([1500, 1500, 200]));

test.each([
  [bytes(1, 2, 3), /neither pcap nor pcapng/],
  [new Uint8Array(100), /neither pcap nor pcapng/],
  [pcap([]), /no packet of IP/],
  [pcap([[1, 0, ethernet(bytes(1), [8, 6])]]), /no packet of IP/],
  [pcap([[1, 0, one]]).subarray(0, -3), /breaks off at byte 24/],
  [pcapng([[1n, one]], 6).subarray(0, -4), /breaks off at byte/],
  [concat([pcapng([], 6), Uint8Array.from([6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]), /breaks off/],
])('what is none says why', (file, message) => expect(() => planReplay(file, undefined, 1)).toThrow(message));

test('a client that is not there is told with who is', () =>
  expect(() => planReplay(pcap([[1, 0, one]]), '10.9.0.9', 1)).toThrow(
    'nothing in it is from or to 10.9.0.9: there are 10.9.0.1, 10.9.0.2',
  ));
