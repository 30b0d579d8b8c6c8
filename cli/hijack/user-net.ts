/** `--net user`: the interface by which programs reach the world without privileges, and what makes use of it. */

import { InvalidArgumentError } from 'commander';
import { formatIp } from '../../src/abi/netlink/inet.ts';
import { user } from '../../src/network/user/addresses.ts';

/** The words of the interface, "loopback" for one; the empty text: none. */
export function userNet(text: string): string {
  const [type, ...words] = text.split(',');
  if (type === 'user') return words.join(',');
  throw new InvalidArgumentError('It is user, or user,loopback; interfaces of other types stand in the configuration.');
}

/** A configuration with one more interface, as `user` is set up (docs/interfaces.md); what it says itself stays. */
export function withUserNet(configuration: unknown, words: string): unknown {
  const given = configuration ?? {};
  // What is wrong with it is told of the whole.
  if (typeof given !== 'object') return configuration;
  const { interfaces = [], ...rest } = given as { readonly interfaces?: unknown };
  if (!Array.isArray(interfaces)) return configuration;
  const address = { ip: formatIp(user.client), masklen: String(user.prefixLength) };
  const one = { type: 'user', ...address, ...(words !== '' && { param: words }) };
  return {
    gateway: formatIp(user.router),
    nameserver: formatIp(user.dns),
    ...rest,
    interfaces: [...interfaces, one],
  };
}
