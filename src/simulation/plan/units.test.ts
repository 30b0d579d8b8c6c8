/** What tc(8) of iproute2 6.1 makes of the same words. */

import { expect, test } from 'vitest';
import { parsePercent, parseRate, parseSize, parseTime } from './units.ts';

test.each([
  ['1000', 1000],
  ['8bit', 8],
  ['10kbit', 10_000],
  ['10mbit', 10e6],
  ['10Mbit', 10e6],
  ['1.5gbit', 1.5e9],
  ['2tbit', 2e12],
  ['10bps', 80],
  ['10kbps', 80_000],
  ['10mbps', 80e6],
  ['1kibit', 1024],
  ['1mibit', 1024 ** 2],
  ['1gibps', 8 * 1024 ** 3],
  ['1e3', 1000],
])('rate %s is %d bit/s', (text, bits) => expect(parseRate(text)).toBe(bits));

test.each(['', 'fast', '10mb', '10 m bit', '10 mbit', ' 10mbit', '-1mbit', '10ms'])('%j is no rate', (text) =>
  expect(parseRate(text)).toBeUndefined(),
);

test.each([
  ['20', 20_000],
  ['20us', 20_000],
  ['20usecs', 20_000],
  ['20ms', 20e6],
  ['0.5msec', 500_000],
  ['1.5s', 1.5e9],
  ['10secs', 10e9],
  ['7ns', 7],
])('time %s is %d ns', (text, ns) => expect(parseTime(text)).toBe(ns));

test.each(['', 'soon', '1h', '-5ms', '5 ms', '10mbit'])('%j is no time', (text) =>
  expect(parseTime(text)).toBeUndefined(),
);

test.each([
  ['1514', 1514],
  ['1514b', 1514],
  ['10k', 10_240],
  ['10kb', 10_240],
  ['1mb', 1024 ** 2],
  ['1m', 1024 ** 2],
  ['1g', 1024 ** 3],
  ['8kbit', 1024],
  ['8mbit', 1024 ** 2],
])('size %s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each([
  ['1%', 0.01],
  ['1', 0.01],
  ['0.1%', 0.001],
  ['100%', 1],
  ['0%', 0],
])('%s is %d', (text, fraction) => expect(parsePercent(text)).toBeCloseTo(fraction, 15));

test.each(['101%', '-1%', '1ms', ''])('%j is no percentage', (text) => expect(parsePercent(text)).toBeUndefined());
