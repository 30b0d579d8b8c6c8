/** Which addresses of the world outside a network may reach: what its owner says, and of what is public nothing that lies on somebody's own network. */

import { formatIp, parseIp } from '../../abi/netlink/inet.ts';

interface Prefix {
  readonly bytes: Uint8Array;
  readonly length: number;
}

export interface Reach {
  /** Why it does not reach there; undefined: it does. */
  refusal(address: Uint8Array, port: number): string | undefined;
}

const prefixOf = (text: string): Prefix | undefined => {
  const [, address = '', length] = /^([\d.]+|[\da-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const bytes = parseIp(address);
  if (!bytes) return undefined;
  const bits = 8 * bytes.length;
  return Number(length ?? bits) <= bits ? { bytes, length: Number(length ?? bits) } : undefined;
};

const must = (text: string): Prefix => {
  const found = prefixOf(text);
  if (!found) throw new Error(`${text} is no prefix`);
  return found;
};

function contains({ bytes, length }: Prefix, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  for (let bit = 0; bit < length; bit += 8) {
    const mask = length - bit >= 8 ? 0xff : (0xff << (8 - (length - bit))) & 0xff;
    if ((((bytes[bit / 8] ?? 0) ^ (address[bit / 8] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

/**
 * What is not public: IANA's registries of addresses with a special purpose (RFC 6890 and what came after it), groups, and addresses in the public space
 * at which clouds tell their machines secrets.
 */
const own = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32'],
].map(must);
/** All of IPv6 that is given out lies in 2000::/3; in it what is no host's, or stands for addresses of another kind. */
const global6 = must('2000::/3');
const own6 = ['2001::/23', '2001:db8::/32', '3fff::/20'].map(must);

/** Addresses of IPv4 that stand in ones of IPv6, and where: who reaches the one reaches the other. */
const embedding = [
  { prefix: must('::ffff:0:0/96'), at: 12 },
  { prefix: must('64:ff9b::/96'), at: 12 },
  { prefix: must('2002::/16'), at: 2 },
] as const;

function inner(address: Uint8Array): Uint8Array {
  const found = address.length === 16 && embedding.find(({ prefix }) => contains(prefix, address));
  return found ? address.subarray(found.at, found.at + 4) : address;
}

/** An interface identifier of ISATAP (RFC 5214, 6.1), under whatever prefix: a router of its site sends on to the address of IPv4 behind it. */
const isatap = (address: Uint8Array): Uint8Array | undefined =>
  [0x0000, 0x0200].includes(((address[8] ?? 1) << 8) | (address[9] ?? 1)) &&
  address[10] === 0x5e &&
  address[11] === 0xfe
    ? address.subarray(12)
    : undefined;

function isPublic(address: Uint8Array): boolean {
  if (address.length === 4) return !own.some((prefix) => contains(prefix, address));
  const behind = isatap(address);
  return (
    contains(global6, address) &&
    !own6.some((prefix) => contains(prefix, address)) &&
    (behind === undefined || isPublic(behind))
  );
}

/** No platform lets mail out. */
const SMTP = 25;

/**
 * `words`, with blanks between: `public`, and addresses or prefixes ("10.1.0.0/16") that are reached beside it, or alone. None: nothing is reached.
 * Throws an Error in words where one is neither.
 */
export function parseReach(words: string): Reach | undefined {
  const all = words.split(/\s+/).filter((word) => word !== '');
  if (all.length === 0) return undefined;
  const named = all
    .filter((word) => word !== 'public')
    .map((word) => {
      const prefix = prefixOf(word);
      if (!prefix) throw new Error(`"${word}" is neither "public" nor an address or a prefix of some`);
      return prefix;
    });
  const allPublic = all.includes('public');
  return {
    refusal(address, port) {
      const real = inner(address);
      if (named.some((prefix) => contains(prefix, real))) return undefined;
      if (!allPublic) return `${formatIp(address)} is none of the addresses that are open`;
      if (!isPublic(real)) return `${formatIp(address)} is not public`;
      return port === SMTP ? 'port 25 is closed' : undefined;
    },
  };
}
