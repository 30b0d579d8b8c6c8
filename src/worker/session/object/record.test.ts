import { expect, it } from 'vitest';
import { fromJson, type Parts, type SessionStore, toJson } from '../store.ts';
import type { Meta } from './lifecycle.ts';
import { SessionRecord } from './record.ts';

const request: Meta['request'] = { ...({} as Meta['request']), expiresMs: 10_000 };
const born: Meta = { createdMs: 100, request, etags: [], ahead: false };

/** A store in memory that counts its writes, and a clock. */
function world() {
  let parts = new Map<string, Uint8Array>();
  const time = { nowMs: 200 };
  const counts = { writes: 0 };
  const store = {
    get: (name: string) => parts.get(name),
    all: () => parts,
    put(name: string, bytes: Uint8Array) {
      counts.writes++;
      parts.set(name, bytes);
    },
    replace(all: Parts) {
      counts.writes++;
      parts = new Map(all);
    },
  } as unknown as SessionStore;
  const record = () => new SessionRecord(store, () => time.nowMs);
  const stored = () => fromJson<Meta>(parts.get('meta') ?? toJson(null));
  return { record, stored, time, counts, parts: () => parts };
}

const notFound = expect.objectContaining({ kind: 'session-not-found' });

it('what is remembered is in the store at once, and there for the next object', () => {
  const { record, stored } = world();
  record().remember(born);
  expect(stored()).toEqual(born);
  expect(record().known()).toEqual(born);
});

it('an event that changes nothing writes nothing', () => {
  const { record, counts } = world();
  const one = record();
  one.remember(born);
  one.note({ type: 'used' });
  expect(counts.writes).toBe(2);
  for (let i = 0; i < 100; i++) one.note({ type: 'used' });
  expect(counts.writes).toBe(2);
});

it('what is stored with an event is stored with it, or not at all', () => {
  const { record, counts, parts, stored } = world();
  const one = record();
  one.remember(born);
  const as = { atMs: 300, tookMs: 5, bytes: 9 };
  one.noteWith({ type: 'stored', as }, new Map([['kernel', Uint8Array.of(1)]]));
  expect(counts.writes).toBe(2);
  expect([...parts().keys()].sort()).toEqual(['kernel', 'meta']);
  expect(stored().suspended).toEqual(as);
});

it('a rollback is told once, by whichever object', () => {
  const { record } = world();
  const one = record();
  one.remember(born);
  one.note({ type: 'used' });
  one.note({ type: 'woken' });
  expect(one.tell()).toEqual({ rolledBackToMs: 100 });
  expect(one.tell()).toEqual({});
  expect(record().tell()).toEqual({});
});

it('a copy begins its own life', () => {
  const { record, parts } = world();
  record().remember({ ...born, ahead: true, rolledBack: { toMs: 100, told: false } });
  const copied = world();
  copied.time.nowMs = 700;
  const copy = copied.record();
  copy.adopt(parts());
  expect(copy.known()).toMatchObject({ createdMs: 700 });
  expect(copy.tell()).toEqual({});
});

it('one whose time is over is not found, and one that is forgotten remembers nothing more', () => {
  const { record, time } = world();
  const one = record();
  one.remember(born);
  time.nowMs = 10_000;
  expect(one.expired).toBe(true);
  expect(() => one.known()).toThrow(notFound);
  time.nowMs = 200;
  one.doom();
  expect(one.doomed).toBe(true);
  expect(() => one.remember(born)).toThrow(notFound);
  expect(one.meta).toBeUndefined();
});

it('a copy that is forgotten before it has what it copies stores nothing', () => {
  const { record, counts } = world();
  const copy = record();
  copy.doom();
  expect(() => copy.adopt(new Map([['meta', toJson(born)]]))).toThrow(notFound);
  expect(counts.writes).toBe(0);
});
