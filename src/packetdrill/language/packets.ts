/** Packets in a script: "S. 0:0(0) ack 1 win 5840 <mss 1460>". */

import type { Scanner } from './scanner.ts';
import type { IcmpSpec, IpSpec, PacketSpec, TcpOption } from './script.ts';

const INTEGER = /\d+/;
const integer = (scanner: Scanner, what: string): number => Number(scanner.mustTake(INTEGER, what)[0]);

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
    const length = integer(scanner, 'bytes of a datagram');
    scanner.must(')');
    return { kind, direction, ip, protocol: 'udp', length, ...(ports && { ports }) };
  }
  if (scanner.take(/icmp\b/)) return icmp(scanner, direction, ip);
  const encapsulation = scanner.take(/(ipv4|ipv6|gre|mpls|igmp|sctp|dccp)\b/);
  if (encapsulation) throw scanner.wrong(`tcp, udp or icmp (${encapsulation[0]} is not supported) before what`);
  const ports = portsOf(scanner);
  const flags = scanner.mustTake(/-|[FSRPUEWA]+\.?(?=\s)|\.(?=\s)/, 'flags of TCP')[0];
  const seq = integer(scanner, 'a sequence number');
  scanner.must(':');
  integer(scanner, 'the end of the sequence');
  scanner.must('(');
  const length = integer(scanner, 'bytes');
  scanner.must(')');
  const ack = scanner.take(/ack\b/) && integer(scanner, 'the acknowledged number');
  const window = scanner.take(/win\b/) && integer(scanner, 'a window');
  const urgent = scanner.take(/urg\b/) && integer(scanner, 'an urgent pointer');
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
  const found = scanner.take(/(\d+)\s*>\s*(\d+)/);
  return found && [Number(found[1]), Number(found[2])];
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
      else if (word === 'tos' || word === 'tclass') ip.tos = number(scanner);
      else if (word === 'ttl' || word === 'hoplimit' || word === 'hlim') ip.ttl = number(scanner);
      else if (word === 'flowlabel') ip.flowLabel = number(scanner);
      else throw scanner.wrong(`ect0, ect1, ce, noecn, tos, ttl or flowlabel instead of ${word}`);
    } while (scanner.is(','));
    scanner.must(close);
  }
}

const number = (scanner: Scanner): number => Number(scanner.mustTake(/0x[0-9a-fA-F]+|\d+/, 'a number')[0]);

function icmp(scanner: Scanner, direction: 'in' | 'out', ip: IpSpec): IcmpSpec {
  const word = () => scanner.mustTake(/[a-z_][a-z_0-9]*|\d+/, 'a type of ICMP')[0];
  const type = word();
  const code = scanner.take(/(?!mtu\b|id\b)(?:[a-z_][a-z_0-9]*|\d+)/)?.[0];
  const mtu = scanner.take(/mtu\b/) && integer(scanner, 'an MTU');
  let about: IcmpSpec['about'];
  if (scanner.is('[')) {
    if (scanner.take(/udp\b/)) {
      scanner.must('(');
      about = { udp: integer(scanner, 'bytes') };
    } else {
      scanner.take(/[FSRPUEWA]*\.?(?=\s)/);
      const seq = integer(scanner, 'a sequence number');
      scanner.must(':');
      integer(scanner, 'the end of the sequence');
      scanner.must('(');
      about = { seq, length: integer(scanner, 'bytes') };
    }
    scanner.must(')');
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
      return { kind, value: integer(scanner, 'its value') };
    case 'TS': {
      scanner.mustTake(/val\b/, '"val"');
      const val = integer(scanner, 'a timestamp');
      scanner.mustTake(/ecr\b/, '"ecr"');
      return { kind, val, ecr: integer(scanner, 'a timestamp') };
    }
    case 'sack': {
      const blocks: (readonly [number, number])[] = [];
      for (;;) {
        const block = scanner.take(/(\d+)\s*:\s*(\d+)/);
        if (!block) return { kind, blocks };
        blocks.push([Number(block[1]), Number(block[2])]);
      }
    }
    case 'FO':
    case 'FOEXP':
    case 'md5':
      return { kind, bytes: hex(scanner, word) };
    case 'kind': {
      const number = integer(scanner, 'the number of an option');
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
