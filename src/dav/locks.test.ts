/** Locks are no more than can be kept, however little each says. */

import { expect, it } from 'vitest';
import { Locks } from './locks.ts';

it('one lock too many is refused, and taken once others have ended', () => {
  let nowMs = 0;
  let tokens = 0;
  const request = { root: '/f', isExclusive: false, isDeep: false, owner: '', seconds: 60 };
  const kept = Array.from({ length: 999 }, (_, i) => ({ ...request, token: `urn:uuid:kept-${i}`, endsMs: 60_000 }));
  const locks = new Locks({ nowMs: () => nowMs, newToken: () => `urn:uuid:${tokens++}`, kept });
  locks.add(request);
  expect(() => locks.add(request)).toThrow(expect.objectContaining({ status: 507 }));
  nowMs = 60_000;
  expect(locks.add(request).token).toBe('urn:uuid:1');
});
