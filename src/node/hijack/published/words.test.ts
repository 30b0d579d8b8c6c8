/** What `--publish` understands, and what it refuses. */

import { expect, test } from 'vitest';
import { parsePublication } from './words.ts';

const shown = (word: string): string => {
  const { protocol, address, port, to } = parsePublication(word);
  return `${protocol} ${address} ${port} > ${to.map((one) => `${one.address.join('.')} ${one.port}`).join(', ')}`;
};
const six = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1';

test.each([
  ['8080:80', `tcp 127.0.0.1 8080 > 127.0.0.1 80, ${six} 80`],
  ['80', `tcp 127.0.0.1 80 > 127.0.0.1 80, ${six} 80`],
  ['0:80', `tcp 127.0.0.1 0 > 127.0.0.1 80, ${six} 80`],
  ['0.0.0.0:8080:80/tcp', `tcp 0.0.0.0 8080 > 127.0.0.1 80, ${six} 80`],
  ['5353:10.0.2.15:53/udp', 'udp 127.0.0.1 5353 > 10.0.2.15 53'],
  ['[::]:8080:[::1]:80', `tcp :: 8080 > ${six} 80`],
  ['10.0.0.1:22', `tcp 10.0.0.1 22 > 127.0.0.1 22, ${six} 22`],
])('%s', (word, expected) => expect(shown(word)).toBe(expected));

test.each([
  ['', 'it cannot be read'],
  ['8080:', 'it cannot be read'],
  [':80', 'it cannot be read'],
  ['http:80', 'http is no address'],
  ['8080:80/sctp', 'there is no protocol sctp, but tcp and udp'],
  ['70000:80', '70000 is no port'],
  ['8080:0', '0 is no port'],
  ['0', '0 is no port'],
  ['1:2:3', 'it has more than two ports'],
  ['::1:80', 'it cannot be read'],
  ['[10.0.0.1]:80', '[10.0.0.1] is no address'],
  ['127.0.0.1', 'there is no port behind 127.0.0.1'],
  ['1.2.3.4:5.6.7.8:80', '5.6.7.8 is no address'],
  ['8080 :80', '8080  is no address'],
])('%s is refused: %s', (word, why) =>
  expect(() => parsePublication(word)).toThrow(`--publish ${word}: ${why}; it is`),
);
