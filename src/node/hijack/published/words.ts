/** The words of `--publish`: which port of this machine leads to which port of the kernel. */

import { isIPv4, isIPv6 } from 'node:net';
import { parseIp } from '../../../abi/netlink/inet.ts';
import type { InternetAddress } from '../../../kernel/syscalls/net.ts';
import { HijackError } from '../host/launch.ts';

/** One port of this machine, and where it leads. */
export interface Publication {
  readonly protocol: 'tcp' | 'udp';
  /** An address of this machine. */
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Addresses of the kernel, tried one after another. */
  readonly to: readonly InternetAddress[];
}

const PORT = /^\d{1,5}$/;
const MOST_PORT = 65_535;
/** Nobody else's, unless it is said. */
const LOOPBACK = '127.0.0.1';
const INNER = [LOOPBACK, '::1'];

/** `[ADDRESS:]PORT[:[ADDRESS:]PORT][/tcp|/udp]`, an IPv6 address in brackets. Throws `HijackError`. */
export function parsePublication(word: string): Publication {
  const wrong = (why: string) =>
    new HijackError(`--publish ${word}: ${why}; it is [ADDRESS:]PORT[:[ADDRESS:]PORT][/udp], as in 8080:80`);
  const [, ways = '', protocol = 'tcp'] = /^([^/]*)(?:\/(\w+))?$/.exec(word) ?? [];
  if (protocol !== 'tcp' && protocol !== 'udp') throw wrong(`there is no protocol ${protocol}, but tcp and udp`);
  const parts = ways.match(/\[[^\]]*\]|[^:]+/g) ?? [];
  if (parts.join(':') !== ways || parts.length === 0) throw wrong('it cannot be read');
  const [outer, inner = outer] = ends(parts, wrong);
  if (inner === undefined || outer === undefined) throw wrong('it cannot be read');
  // Said once, it is the same port at both ends.
  const isBoth = outer === inner;
  const portOf = ({ port }: End, least: number) => {
    const number = Number(port);
    if (PORT.test(port) && number >= least && number <= MOST_PORT) return number;
    throw wrong(`${port} is no port`);
  };
  const toPort = portOf(inner, 1);
  return {
    protocol,
    address: outer.address ?? LOOPBACK,
    port: portOf(outer, isBoth ? 1 : 0),
    to: (isBoth || inner.address === undefined ? INNER : [inner.address]).flatMap((text) => {
      const address = parseIp(text);
      return address ? [{ address, port: toPort }] : [];
    }),
  };
}

interface End {
  readonly address?: string;
  readonly port: string;
}

/** An address goes with the port behind it. */
function ends(parts: readonly string[], wrong: (why: string) => Error): readonly End[] {
  const found: End[] = [];
  let address: string | undefined;
  for (const part of parts) {
    if (PORT.test(part)) {
      found.push({ port: part, ...(address !== undefined && { address }) });
      address = undefined;
      continue;
    }
    const bare = part.replace(/^\[(.*)\]$/, '$1');
    if (address !== undefined || !(part === bare ? isIPv4(bare) : isIPv6(bare))) throw wrong(`${part} is no address`);
    address = bare;
  }
  if (address !== undefined) throw wrong(`there is no port behind ${address}`);
  if (found.length > 2) throw wrong('it has more than two ports');
  return found;
}
