/** Addresses as text and bytes. */

import { expect, test } from 'vitest';
import { formatIp, formatMac, parseIp, parseIpv4, parseIpv6, parseMac } from './inet.ts';

test('IPv4 comes back as it went in', () => {
  expect(parseIpv4('10.0.255.1')).toEqual(Uint8Array.of(10, 0, 255, 1));
  expect(formatIp(Uint8Array.of(10, 0, 255, 1))).toBe('10.0.255.1');
});

test.each(['10.0.0', '10.0.0.256', '10.0.0.01', '10.0.0.1.2', '', '0x7f.0.0.1'])('%j is no IPv4 address', (text) => {
  expect(parseIp(text)).toBeUndefined();
});

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['FD00:0:0:1::A', 'fd00:0:0:1::a'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['fe80::', 'fe80::'],
])('IPv6 %s is %s by RFC 5952', (text, canonical) => {
  expect(formatIp(parseIpv6(text) ?? expect.fail('not parsed'))).toBe(canonical);
});

test.each(['1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::', ':1', '::10.0.0.256', 'fe80::1%eth0'])(
  '%j is no IPv6 address',
  (text) => {
    expect(parseIp(text)).toBeUndefined();
  },
);

test('Ethernet addresses', () => {
  expect(formatMac(parseMac('12:34:56:78:9A:c') ?? expect.fail('not parsed'))).toBe('12:34:56:78:9a:0c');
  expect(parseMac('12:34:56:78:9a')).toBeUndefined();
  expect(parseMac('12:34:56:78:9a:bc:de')).toBeUndefined();
});
