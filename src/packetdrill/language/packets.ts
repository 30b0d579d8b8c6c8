/** Packets in a script: "S. 0:0(0) ack 1 win 5840 <mss 1460>". */

import type { Scanner } from './scanner.ts';
import type { IcmpSpec, IpSpec, PacketSpec, TcpOption } from './script.ts';

/** Of fields as wide as that. */
const [U8, U16, U20, U32] = [0xff, 0xffff, 0xfffff, 0xffffffff];

/** What does not fit its field is no value of it. */
function integer(scanner: Scanner, what: string, most: number): number {
  const value = Number(scanner.mustTake(/0x[0-9a-fA-F]+|\d+/, what)[0]);
  if (value > most) throw scanner.failed(`${what} is ${most} at most, not ${value}`);
  return value;
}

interface Sequence {
  readonly seq: number;
  readonly length: number;
}

/** "1:1001(1000)": the end is the beginning and the bytes. */
function sequence(scanner: Scanner): Sequence {
  const seq = integer(scanner, 'a sequence number', U32);
  scanner.must(':');
  const end = integer(scanner, 'the end of the sequence', U32);
  scanner.must('(');
  const length = integer(scanner, 'bytes', U16);
  scanner.must(')');
  if (end !== (seq + length) >>> 0) throw scanner.failed(`${seq}:${end} are not ${length} bytes`);
  return { seq, length };
}

/** After "<" or ">". */
export function packet(
  scanner: Scanner,
  direction: 'in' | 'out',
  word: (name: string) => string | undefined,
): PacketSpec {
  const kind = 'packet' as const;
  const ip = ipInfo(scanner);
  if (scanner.take(/udp\b/)) {
    const ports = portsOf(scanner);
    scanner.must('(');
    const length = integer(scanner, 'bytes of a datagram', U16);
    scanner.must(')');
    return { kind, direction, ip, protocol: 'udp', length, ...(ports && { ports }) };
  }
  if (scanner.take(/icmp\b/)) return icmp(scanner, direction, ip);
  const encapsulation = scanner.take(/(ipv4|ipv6|gre|mpls|igmp|sctp|dccp)\b/);
  if (encapsulation) throw scanner.wrong(`tcp, udp or icmp (${encapsulation[0]} is not supported) before what`);
  const ports = portsOf(scanner);
  const flags = scanner.mustTake(/-|[FSRPUEWA]+\.?(?=\s)|\.(?=\s)/, 'flags of TCP')[0];
  const { seq, length } = sequence(scanner);
  const ack = scanner.take(/ack\b/) && integer(scanner, 'the acknowledged number', U32);
  const window = scanner.take(/win\b/) && integer(scanner, 'a window', U16);
  const urgent = scanner.take(/urg\b/) && integer(scanner, 'an urgent pointer', U16);
  const options = optionsOf(scanner, word);
  return {
    kind,
    direction,
    ip,
    protocol: 'tcp',
    flags: flags === '-' ? '' : flags,
    seq,
    length,
    ...(ack !== undefined && { ack }),
    ...(window !== undefined && { window }),
    ...(urgent !== undefined && { urgent }),
    ...(options && { options }),
    ...(ports && { ports }),
  };
}

function portsOf(scanner: Scanner): readonly [number, number] | undefined {
  if (!scanner.looksLike(/\d+\s*>\s*\d+/)) return undefined;
  const from = integer(scanner, 'a port', U16);
  scanner.must('>');
  return [from, integer(scanner, 'a port', U16)];
}

const ecnWords: Readonly<Record<string, number>> = { noecn: 0, ect1: 1, ect01: 1, ect0: 2, ce: 3 };

/** "[ect0]", "[tos 0x10, ttl 5]", "(flowlabel 0x12345)" */
function ipInfo(scanner: Scanner): IpSpec {
  const ip: { -readonly [K in keyof IpSpec]: IpSpec[K] } = {};
  for (;;) {
    const close = scanner.is('[') ? ']' : scanner.is('(') ? ')' : undefined;
    if (close === undefined) return ip;
    do {
      const word = scanner.mustTake(/[a-z_0-9]+/, 'what is said of IP')[0];
      const ecn = ecnWords[word];
      if (ecn !== undefined) ip.ecn = ecn;
      else if (word === 'tos' || word === 'tclass') ip.tos = integer(scanner, word, U8);
      else if (word === 'ttl' || word === 'hoplimit' || word === 'hlim') ip.ttl = integer(scanner, word, U8);
      else if (word === 'flowlabel') ip.flowLabel = integer(scanner, word, U20);
      else throw scanner.wrong(`ect0, ect1, ce, noecn, tos, ttl or flowlabel instead of ${word}`);
    } while (scanner.is(','));
    scanner.must(close);
  }
}

function icmp(scanner: Scanner, direction: 'in' | 'out', ip: IpSpec): IcmpSpec {
  const word = () => scanner.mustTake(/[a-z_][a-z_0-9]*|\d+/, 'a type of ICMP')[0];
  const type = word();
  const code = scanner.take(/(?!mtu\b|id\b)(?:[a-z_][a-z_0-9]*|\d+)/)?.[0];
  const mtu = scanner.take(/mtu\b/) && integer(scanner, 'an MTU', U32);
  let about: IcmpSpec['about'];
  if (scanner.is('[')) {
    if (scanner.take(/udp\b/)) {
      scanner.must('(');
      about = { udp: integer(scanner, 'bytes', U16) };
      scanner.must(')');
    } else {
      scanner.take(/[FSRPUEWA]*\.?(?=\s)/);
      about = sequence(scanner);
    }
    scanner.must(']');
  }
  return {
    kind: 'packet',
    direction,
    ip,
    protocol: 'icmp',
    type,
    ...(code !== undefined && { code }),
    ...(mtu !== undefined && { mtu }),
    ...(about && { about }),
  };
}

/** "<mss 1460,nop,wscale 7>"; undefined for "<...>", any; none at all is no options. */
function optionsOf(scanner: Scanner, word: (name: string) => string | undefined): TcpOption[] | undefined {
  if (!scanner.looksAt('<')) return [];
  // The next line may begin with "<", too: options follow their packet with letters or dots.
  if (!scanner.take(/<(?=\s*(?:mss|wscale|sackOK|sack|TS|nop|eol|FO|FOEXP|md5|kind|\.\.\.|>))/)) return [];
  if (scanner.is('...')) {
    scanner.must('>');
    return undefined;
  }
  const options: TcpOption[] = [];
  while (!scanner.is('>')) {
    options.push(option(scanner, word));
    if (!scanner.looksAt('>')) scanner.must(',');
  }
  return options;
}

function option(scanner: Scanner, word: (name: string) => string | undefined): TcpOption {
  const kind = scanner.mustTake(/[A-Za-z0-9]+/, 'an option of TCP')[0];
  switch (kind) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind };
    case 'mss':
    case 'wscale':
      return { kind, value: integer(scanner, kind, kind === 'mss' ? U16 : U8) };
    case 'TS': {
      scanner.mustTake(/val\b/, '"val"');
      const val = integer(scanner, 'a timestamp', U32);
      scanner.mustTake(/ecr\b/, '"ecr"');
      return { kind, val, ecr: integer(scanner, 'a timestamp', U32) };
    }
    case 'sack': {
      const blocks: (readonly [number, number])[] = [];
      for (;;) {
        if (!scanner.looksLike(/\d+\s*:\s*\d+/)) return { kind, blocks };
        const start = integer(scanner, 'a sequence number', U32);
        scanner.must(':');
        blocks.push([start, integer(scanner, 'a sequence number', U32)]);
      }
    }
    case 'FO':
    case 'FOEXP':
    case 'md5':
      return { kind, bytes: hex(scanner, word) };
    case 'kind': {
      const number = integer(scanner, 'the number of an option', U8);
      return { kind: 'other', number, bytes: hex(scanner, word) };
    }
    default:
      throw scanner.wrong(`an option that is known instead of ${kind}`);
  }
}

/** Hexadecimal digits, or a name that was defined as such. */
function hex(scanner: Scanner, word: (name: string) => string | undefined): Uint8Array {
  const found = scanner.take(/[A-Za-z0-9_]+/)?.[0];
  if (found === undefined) return new Uint8Array();
  const digits = /^(?:[0-9a-fA-F]{2})+$/.test(found) ? found : word(found);
  if (digits === undefined || !/^(?:[0-9a-fA-F]{2})*$/.test(digits))
    throw scanner.wrong(`bytes in hexadecimal instead of ${found}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
