/** Types that JSON shows as text or lists of words: internet addresses, sets of signals and of descriptors. */

import { formatWords, parseWords } from '../../../abi/constants.ts';
import { formatIp, parseIpv4, parseIpv6 } from '../../../abi/netlink/inet.ts';
import { at, Mistake } from '../mistake.ts';
import type { Json } from '../types.ts';

const LITTLE = true;

/** The types this file knows. */
export const isText = (type: string): boolean =>
  type === 'in_addr' || type === 'in6_addr' || type === 'sigset' || type === 'fd_set';

/** The bytes of `value`. */
export function textBytes(type: string, value: Json, path: string): Uint8Array {
  if (type === 'sigset') return signalSet(value, path);
  if (type === 'fd_set') return descriptorSet(value, path);
  const known = type === 'in_addr' ? inaddr(value) : typeof value === 'string' ? parseIpv6(value) : undefined;
  if (!known) throw new Mistake('wrong-type', path, `no ${type === 'in_addr' ? 'IPv4' : 'IPv6'} address`);
  return known;
}

/** "10.0.0.1", an INADDR_ word, or the address as a number in host order. */
function inaddr(value: Json): Uint8Array | undefined {
  if (typeof value === 'string') {
    const parsed = parseIpv4(value);
    if (parsed) return parsed;
    const word = parseWords(value, 'inaddr');
    return 'value' in word ? bigEndian(Number(word.value)) : undefined;
  }
  return typeof value === 'number' && Number.isInteger(value) ? bigEndian(value) : undefined;
}

const bigEndian = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

/** sigset_t: bit n-1 is signal n. A list of signals, or the bits as a number. */
function signalSet(value: Json, path: string): Uint8Array {
  let bits = 0n;
  if (Array.isArray(value)) {
    value.forEach((item: Json, i) => {
      const word = parseWords(String(item), 'signal');
      if (!('value' in word) || word.value < 1n || word.value > 64n)
        throw new Mistake('unknown-word', at(path, i), `no signal ${String(item)}`);
      bits |= 1n << (word.value - 1n);
    });
  } else if (typeof value === 'number' && Number.isSafeInteger(value)) bits = BigInt(value);
  else throw new Mistake('wrong-type', path, 'a signal set is a list of signals');
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, bits), LITTLE);
  return bytes;
}

/** fd_set: bit n is descriptor n, up to 1024. */
function descriptorSet(value: Json, path: string): Uint8Array {
  if (!Array.isArray(value)) throw new Mistake('wrong-type', path, 'an fd_set is a list of descriptors');
  const bytes = new Uint8Array(128);
  value.forEach((item: Json, i) => {
    if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item >= 1024)
      throw new Mistake('out-of-range', at(path, i), 'a descriptor in an fd_set is 0 to 1023');
    bytes[item >> 3] = (bytes[item >> 3] ?? 0) | (1 << (item & 7));
  });
  return bytes;
}

export function readText(type: string, bytes: Uint8Array): Json {
  if (type === 'sigset') return bitsOf(bytes).map((bit) => formatWords(bit + 1, 'signal') ?? bit + 1);
  return type === 'fd_set' ? bitsOf(bytes) : formatIp(bytes);
}

function bitsOf(bytes: Uint8Array): number[] {
  const found: number[] = [];
  bytes.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) found.push(8 * i + bit);
  });
  return found;
}
