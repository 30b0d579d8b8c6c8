/** The bytes of each block; that tshark reads them without a warning was seen with those that simulations make. */

import { expect, test } from 'vitest';
import { pcapHeader, pcapInterface, pcapPacket, pcapStatistics } from './pcapng.ts';

const words = (bytes: Uint8Array) => Array.from(new Uint32Array(bytes.slice().buffer), (word) => word.toString(16));

test('a section tells its byte order, version and writer', () => {
  expect(words(pcapHeader('lkl'))).toEqual([
    'a0d0d0a',
    '28',
    '1a2b3c4d',
    '1',
    'ffffffff',
    'ffffffff',
    '30004',
    '6c6b6c',
    '0',
    '28',
  ]);
});

test('an interface tells its name and nanoseconds', () => {
  expect(words(pcapInterface({ name: 'eth0', snaplen: 96 }))).toEqual([
    '1',
    '28',
    '1',
    '60',
    '40002',
    '30687465',
    '10009',
    '9',
    '0',
    '28',
  ]);
});

test('a packet has its time in two words, high one first, and is padded', () => {
  const packet = pcapPacket({
    interface: 1,
    timeNs: 2 ** 32 + 5,
    bytes: Uint8Array.of(1, 2, 3, 4, 5),
    length: 60,
    outgoing: true,
  });
  expect(words(packet)).toEqual(['6', '34', '1', '1', '5', '5', '3c', '4030201', '5', '40002', '2', '0', '34']);
});

test('statistics count what was received and lost', () => {
  expect(words(pcapStatistics({ interface: 0, timeNs: 7, received: 10, dropped: 2 }))).toEqual([
    '5',
    '34',
    '0',
    '0',
    '7',
    '80004',
    'a',
    '0',
    '80005',
    '2',
    '0',
    '0',
    '34',
  ]);
});
