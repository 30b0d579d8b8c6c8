/** Paths of URLs that say the same in other letters. */

import { expect, it } from 'vitest';
import { withPlainLetters } from './percent.ts';

it.each([
  ['/v1/images/a/%66iles/%7ex', '/v1/images/a/files/~x'],
  ['/%2e%2E/a%2fb', '/%2e%2E/a%2fb'],
  ['/%2566/%ff%FE/%c3%a9%', '/%2566/%ff%FE/%c3%a9%'],
  ['/plain', '/plain'],
])('%s is %s', (path, plain) => expect(withPlainLetters(path)).toBe(plain));
