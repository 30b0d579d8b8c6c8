/** Addresses and prefixes as numbers, to count and compare them. */

import { formatIp, parseIp } from '../../../abi/netlink/inet.ts';

export type Family = 'ipv4' | 'ipv6';

/** An address on a network: "10.0.0.1/24". */
export interface InterfaceAddress {
  readonly family: Family;
  readonly value: bigint;
  readonly prefixLength: number;
}

export const bitsOf = (family: Family): number => (family === 'ipv4' ? 32 : 128);

/** "10.0.0.1/24"; without a length, the address alone. */
export function parsePrefix(text: string): InterfaceAddress | undefined {
  const [address = '', length, ...more] = text.split('/');
  const bytes = parseIp(address);
  if (!bytes || more.length) return undefined;
  const family = bytes.length === 4 ? 'ipv4' : 'ipv6';
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const prefixLength = length === undefined ? bitsOf(family) : Number(length);
  if (prefixLength > bitsOf(family)) return undefined;
  return { family, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n), prefixLength };
}

export function toBytes({ family, value }: Pick<InterfaceAddress, 'family' | 'value'>): Uint8Array {
  const length = bitsOf(family) / 8;
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
}

export const formatAddress = (address: Pick<InterfaceAddress, 'family' | 'value'>): string =>
  formatIp(toBytes(address));
export const formatPrefix = (address: InterfaceAddress): string => `${formatAddress(address)}/${address.prefixLength}`;

/** How many addresses the prefix spans. */
export const span = ({ family, prefixLength }: InterfaceAddress): bigint => 1n << BigInt(bitsOf(family) - prefixLength);

/** The network an address is on. */
export function networkOf(address: InterfaceAddress): InterfaceAddress {
  return { ...address, value: (address.value / span(address)) * span(address) };
}

export function overlap(a: InterfaceAddress, b: InterfaceAddress): boolean {
  if (a.family !== b.family) return false;
  const [first, second] = [networkOf(a), networkOf(b)];
  return first.value < second.value + span(second) && second.value < first.value + span(first);
}

/** Whether the address lies in the network. */
export const contains = (network: InterfaceAddress, address: InterfaceAddress): boolean =>
  overlap(network, { ...address, prefixLength: bitsOf(address.family) });
