/** mptcp_pm's messages, byte by byte: a generic header, then attributes as include/uapi/linux/mptcp_pm.h numbers them. */

import { expect, test } from 'vitest';
import { parseIp } from './inet.ts';
import type { NetlinkRequest } from './message.ts';
import { addMptcpEndpoint, ENDPOINT, getMptcpFamily, parseFamily, setMptcpLimits } from './mptcp.ts';

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const sent = ({ type, payload }: NetlinkRequest) => [type, hex(payload)];
const address = (text: string) => parseIp(text) ?? expect.fail(`${text} is an address`);
const FAMILY = 0x1d;

test('the family is asked for by its name', () => {
  expect(sent(getMptcpFamily())).toEqual([0x10, `03010000${'0d000200'}${'6d707463705f706d00000000'}`]);
});

test('its number is read from the answer', () => {
  const payload = Uint8Array.from([1, 2, 0, 0, 6, 0, 1, 0, FAMILY, 0, 0, 0]);
  expect(parseFamily({ type: 0x10, flags: 0, seq: 1, pid: 0, payload })).toBe(FAMILY);
});

test('limits of subflows and of addresses', () => {
  expect(sent(setMptcpLimits(FAMILY, { subflows: 8, addresses: 2 }))).toEqual([
    FAMILY,
    `05010000${'0800030008000000'}${'0800020002000000'}`,
  ]);
});

test('an endpoint of IPv4 that is told to the peer, and one of IPv6 on a device', () => {
  expect(sent(addMptcpEndpoint(FAMILY, { address: address('10.0.1.2'), flags: ENDPOINT.SIGNAL }))).toEqual([
    FAMILY,
    `01010000${'1c000180'}${'0600010002000000'}${'080003000a000102'}${'0800060001000000'}`,
  ]);
  expect(sent(addMptcpEndpoint(FAMILY, { address: address('fd00::1'), flags: ENDPOINT.SUBFLOW, device: 3 }))).toEqual([
    FAMILY,
    `01010000${'30000180'}${'060001000a000000'}${'14000400fd000000000000000000000000000001'}${'0800060002000000'}${'0800070003000000'}`,
  ]);
});
