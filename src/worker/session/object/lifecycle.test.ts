import { describe, expect, it } from 'vitest';
import {
  after,
  infoOf,
  type LifeEvent,
  type Meta,
  mustBeAlive,
  mustBeKnown,
  type State,
  stateOf,
} from './lifecycle.ts';

const request: Meta['request'] = { ...({} as Meta['request']), expiresMs: 10_000 };
const born: Meta = { createdMs: 100, request, etags: [], ahead: false };
const stored: LifeEvent = { type: 'stored', as: { atMs: 500, tookMs: 20, bytes: 4096 } };
const died: LifeEvent = { type: 'died', how: { end: 'panic', detail: 'no init', console: 'panic!' } };
const lived = (...events: readonly LifeEvent[]): Meta => events.reduce(after, born);

describe('the state of a session', () => {
  const cases: readonly [title: string, meta: Meta | undefined, inMemory: boolean, nowMs: number, state: State][] = [
    ['nobody made it', undefined, false, 0, 'none'],
    ['made', born, true, 200, 'running'],
    ['made, and lost before it was stored', born, false, 200, 'created'],
    ['used, and lost before it was stored', lived({ type: 'used' }), false, 200, 'created'],
    ['stored and let go', lived(stored), false, 600, 'suspended'],
    ['stored and gone on', lived(stored, { type: 'used' }), true, 600, 'running'],
    ['dead', lived(died), false, 600, 'ended'],
    ['dead after it was stored', lived(stored, died), false, 600, 'ended'],
    ['a millisecond before its time is over', lived(stored), false, 9_999, 'suspended'],
    ['its time is over while it runs', born, true, 10_000, 'expired'],
    ['its time is over after it died', lived(died), false, 10_000, 'expired'],
  ];
  it.each(cases)('%s', (_, meta, inMemory, nowMs, state) => {
    expect(stateOf(meta, inMemory, nowMs)).toBe(state);
  });
});

describe('a kernel that was lost', () => {
  it('goes on from when it was last stored', () => {
    const meta = lived(stored, { type: 'used' }, { type: 'woken' });
    expect(meta).toMatchObject({ ahead: false, rolledBack: { toMs: 500, told: false } });
  });

  it('that was never stored goes on from its beginning', () => {
    expect(lived({ type: 'used' }, { type: 'woken' }).rolledBack).toEqual({ toMs: 100, told: false });
  });

  it('that was not used since loses nothing', () => {
    const meta = lived({ type: 'used' }, stored);
    expect(after(meta, { type: 'woken' })).toBe(meta);
  });

  it('is told of once, and stays in what is known of the session', () => {
    const meta = lived({ type: 'used' }, { type: 'woken' }, { type: 'told' });
    expect(meta.rolledBack).toEqual({ toMs: 100, told: true });
    expect(infoOf(meta, true, undefined)).toMatchObject({ state: 'running', rolledBackToMs: 100 });
  });
});

it('a second use changes nothing that had to be stored', () => {
  const meta = lived({ type: 'used' });
  expect(after(meta, { type: 'used' })).toBe(meta);
});

it('a copy is as old as the copying, and was never rolled back', () => {
  const copy = lived({ type: 'used' }, { type: 'woken' }, stored, { type: 'copied', atMs: 700 });
  expect(copy).toEqual({ ...born, createdMs: 700, suspended: stored.as });
});

describe('who asks for a session', () => {
  it.each([
    ['that nobody made', undefined, 0],
    ['whose time is over', born, 10_000],
    ['that died and whose time is over', lived(died), 10_000],
  ] as const)('%s is told that there is none', (_, meta, nowMs) => {
    const none = expect.objectContaining({ kind: 'session-not-found' });
    expect(() => mustBeKnown(meta, nowMs)).toThrow(none);
    expect(() => mustBeAlive(meta, nowMs)).toThrow(none);
  });

  it('that died hears how, and can still read of it', () => {
    const meta = lived(died);
    expect(mustBeKnown(meta, 600)).toBe(meta);
    expect(() => mustBeAlive(meta, 600)).toThrow(
      expect.objectContaining({ kind: 'session-ended', members: { end: 'panic', console: 'panic!' } }),
    );
    expect(infoOf(meta, false, undefined).state).toBe('ended');
  });

  it('that will be made anew hears that it is suspended, and of the obstacle', () => {
    expect(infoOf(born, false, 'a busy task')).toMatchObject({ state: 'suspended', obstacle: 'a busy task' });
  });
});
