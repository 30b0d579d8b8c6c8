/** `--net user`: the interface by which programs reach the world without privileges, and what makes use of it. */

import { InvalidArgumentError } from 'commander';

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
  const user = { type: 'user', ip: '10.0.2.15', masklen: '24', ...(words !== '' && { param: words }) };
  return { gateway: '10.0.2.2', nameserver: '10.0.2.3', ...rest, interfaces: [...interfaces, user] };
}
