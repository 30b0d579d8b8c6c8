/** The header If: lists of conditions. */

import { expect, it } from 'vitest';
import { readIf, tokensOf } from './if-header.ts';

it('has lists, about what the request is of or about what they name', () => {
  expect(readIf('(<urn:a> ["x"]) (Not <DAV:no-lock>)')).toEqual([
    {
      resource: undefined,
      conditions: [
        { isNot: false, token: 'urn:a' },
        { isNot: false, etag: '"x"' },
      ],
    },
    { resource: undefined, conditions: [{ isNot: true, token: 'DAV:no-lock' }] },
  ]);
  expect(readIf('<http://h/a> (<urn:a>)(["y"])')).toEqual([
    { resource: 'http://h/a', conditions: [{ isNot: false, token: 'urn:a' }] },
    { resource: 'http://h/a', conditions: [{ isNot: false, etag: '"y"' }] },
  ]);
});

it('names the tokens that its sender has', () => {
  expect([...tokensOf(readIf('(<urn:a>) (Not <urn:b> <urn:c>)'))]).toEqual(['urn:a', 'urn:c']);
  expect(readIf(undefined)).toEqual([]);
});

it.each(['', '()', '(<a>', '<a>)', 'x', '(Not)', '(<a>) y', '((<a>))', '["x"]', '(Not Not <a>)'])(
  'that is %j is wrong',
  (header) => {
    expect(() => readIf(header)).toThrow('cannot be read');
  },
);
