/** Bodies of JSON: where they stop to be that, and how much of them is held. */

import { describe, expect, it } from 'vitest';
import type { Host } from '../../kernel/host.ts';
import { type Hold, MemoryBudget } from './budget.ts';
import { checked, expectedDigests } from './digest.ts';
import { jsonIn, textOf } from './json.ts';
import { WaitingLine } from './line.ts';
import { StallWatch } from './stall.ts';

/** A clock that pauses alone move. */
let nowNs = 0;
const host: Pick<Host, 'pause' | 'monotonicNs' | 'heartbeat'> = {
  async pause(ms) {
    await scheduler.wait(1);
    nowNs += ms * 1e6;
  },
  monotonicNs: () => nowNs,
};
const budget = (bytes: number) => new MemoryBudget({ bytes, patienceMs: 30, host });
const streamOf = (...chunks: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array> => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const write = async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  };
  write().catch(() => {});
  return readable;
};

describe('text that is not JSON', () => {
  it.each([
    ['{"a": 1,}', /line 1, column 9/],
    ['{\n  "calls": [\n    {"call" "getpid"}\n  ]\n}', /line 3, column 13/],
    ['{"a": [1, 2', /the end where , or the end should be, at line 1, column 12/],
    ['nope', /"n" where a value should be, at line 1, column 1/],
    ['{"a": tru}', /line 1, column 7/],
    ['{"a": "b\u0000"}', /line 1, column 7/],
    ['[1, 2] x', /"x" where nothing more should be, at line 1, column 8/],
    ['[01]', /line 1, column 2/],
    ['[1 2]', /"2" where , or the end should be, at line 1, column 4/],
    ['{"a": "no end', /"\\"" where a value should be, at line 1, column 7/],
    [`["${'words '.repeat(20_000)}\\`, /"\\"" where a value or \] should be, at line 1, column 2/],
    [`{"${'a'.repeat(100_000)}`, /where a name or } should be, at line 1, column 2/],
    ['', /is empty/],
    ['   ', /is empty/],
  ])('%j is told where', (text, place) => {
    expect(() => jsonIn(text, 'the body')).toThrow(place);
    expect(() => jsonIn(text, 'the body')).toThrow(/^the body is /);
  });
});

describe('text that is nested', () => {
  const nested = (depth: number) => `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`;
  it('deep is refused before anybody walks through it', () => {
    expect(() => jsonIn(nested(50_000), 'the body')).toThrow(/nested more than 256 deep/);
    expect(() => jsonIn(nested(129), 'the body')).toThrow(/nested/);
  });
  it('as deep as anybody needs is read, and brackets in strings are none', () => {
    expect(() => jsonIn(nested(128), 'the body')).not.toThrow();
    expect(jsonIn(JSON.stringify('[{\\"'.repeat(500)), 'the body')).toHaveLength(2000);
  });
});

describe('a body', () => {
  it('is text across the borders of chunks', async () => {
    const bytes = new TextEncoder().encode('{"name": "Zoë"}');
    const chunks = Array.from(bytes, (_, at) => bytes.slice(at, at + 1));
    await expect(textOf(streamOf(...chunks), budget(1e6).hold())).resolves.toBe('{"name": "Zoë"}');
  });

  it('that is not UTF-8 is refused', async () => {
    const body = streamOf(Uint8Array.of(0x22, 0xff, 0x22));
    await expect(textOf(body, budget(1e6).hold())).rejects.toMatchObject({ kind: 'invalid-request' });
  });

  it('for which there is no room is told to come back', async () => {
    const { hold } = { hold: budget(2 ** 20).hold() };
    const body = streamOf(new Uint8Array(2 ** 19).fill(0x20), new Uint8Array(2 ** 20).fill(0x20));
    await expect(textOf(body, hold)).rejects.toMatchObject({ kind: 'service-busy' });
  });
});

describe('the budget', () => {
  it('has back what is released, and what is given back', async () => {
    const memory = budget(2 ** 20);
    const [one, other] = [memory.hold(), memory.hold()];
    expect(one.tryTake(2 ** 20)).toBe(true);
    expect(other.tryTake(1)).toBe(false);
    one.give(2 ** 19);
    expect(other.tryTake(2 ** 19)).toBe(true);
    one.release();
    other.release();
    expect(memory.usedBytes).toBe(0);
  });

  it('has nothing more for what has ended: a read ahead that comes late takes none', async () => {
    const memory = budget(2 ** 20);
    const hold = memory.hold();
    expect(hold.tryTake(2 ** 16)).toBe(true);
    hold.release();
    expect(hold.tryTake(2 ** 16)).toBe(false);
    await expect(hold.take(2 ** 16)).rejects.toMatchObject({ kind: 'service-busy' });
    hold.give(2 ** 16);
    expect(memory.usedBytes).toBe(0);
  });

  it('leaves others what an owner may not have', () => {
    const memory = budget(2 ** 20);
    const [one, more, other] = [memory.hold(), memory.hold(), memory.hold()];
    for (const hold of [one, more]) hold.belongTo('someone');
    expect(one.tryTake(2 ** 19)).toBe(true);
    expect(more.tryTake(2 ** 19)).toBe(false);
    expect(more.tryTake(2 ** 18)).toBe(true);
    other.belongTo('another');
    expect(other.tryTake(2 ** 18)).toBe(true);
  });

  it('lets one after another be whole, where all together would have none', async () => {
    const memory = budget(2 ** 20);
    const body = async () => {
      const hold = memory.hold();
      try {
        for (let taken = 0; taken < 12; taken++) {
          await hold.take(2 ** 16);
          await scheduler.wait(1);
        }
        return 'whole';
      } catch {
        return 'told to come back';
      } finally {
        hold.release();
      }
    };
    const ended = await Promise.all(Array.from({ length: 12 }, body));
    expect(ended).toContain('whole');
    expect(memory.usedBytes).toBe(0);
  });

  it('is waited for no longer in all than once, were it for ever so little each time', async () => {
    const full: Hold[] = [];
    let looks = 0;
    const pause = async (ms: number) => {
      nowNs += ms * 1e6;
      if (++looks % 2 === 0) full[0]?.give(2 ** 16);
    };
    const memory = new MemoryBudget({ bytes: 2 ** 20, patienceMs: 100, host: { ...host, pause } });
    const hold = memory.hold();
    full.push(memory.hold());
    expect(full[0]?.tryTake(2 ** 20)).toBe(true);
    const steps = async () => {
      for (let step = 0; step < 16; step++) await hold.take(2 ** 16);
    };
    await expect(steps()).rejects.toMatchObject({ kind: 'service-busy' });
    expect(looks).toBeLessThan(25);
  });

  it('is given back by whoever gets on, who then may wait again', async () => {
    const full: Hold[] = [];
    let looks = 0;
    const pause = async (ms: number) => {
      nowNs += ms * 1e6;
      if (++looks % 2 === 0) full[0]?.give(2 ** 16);
    };
    const memory = new MemoryBudget({ bytes: 2 ** 20, patienceMs: 30, host: { ...host, pause } });
    const hold = memory.hold();
    full.push(memory.hold());
    for (let line = 0; line < 16; line++) {
      expect(full[0]?.tryTake(2 ** 20)).toBe(true);
      await hold.take(2 ** 16);
      hold.give(2 ** 16);
      full[0]?.give(2 ** 20);
    }
  });

  it('is not waited for behind somebody who has vanished', () => {
    const line = new WaitingLine();
    line.enter('vanished', 0);
    const next = line.enter('next', 0);
    expect(next.isFirst(500e6, () => true)).toBe(false);
    expect(next.isFirst(1_500e6, () => true)).toBe(true);
    expect(line.isEmpty).toBe(false);
    next.leave();
    expect(line.isEmpty).toBe(true);
  });

  it('is not waited for behind an owner who may have no more', async () => {
    const startNs = nowNs;
    const memory = new MemoryBudget({ bytes: 2 ** 20, patienceMs: 500, host });
    const [full, greedy, other] = [memory.hold(), memory.hold(), memory.hold()];
    full.belongTo('greedy');
    greedy.belongTo('greedy');
    other.belongTo('another');
    expect(full.tryTake((2 ** 20 * 3) / 4)).toBe(true);
    const told = greedy.take(2 ** 16).catch(() => 'told');
    await other.take(2 ** 18);
    expect(nowNs - startNs).toBeLessThan(100e6);
    await expect(told).resolves.toBe('told');
  });

  it('keeps room for those who cannot do with less', () => {
    const memory = budget(2 ** 20);
    const [cache, body] = [memory.hold({ leaveBytes: 2 ** 19 }), memory.hold()];
    expect(cache.tryTake(2 ** 19)).toBe(true);
    expect(cache.tryTake(1)).toBe(false);
    expect(body.tryTake(2 ** 19)).toBe(true);
  });

  it('takes back what belongs to a request that has vanished', () => {
    let nowNs = 0;
    const beats: (() => boolean)[] = [];
    const silent = {
      ...host,
      monotonicNs: () => nowNs,
      heartbeat: (_: number, beat: () => boolean) => void beats.push(beat),
    };
    const memory = new MemoryBudget({ bytes: 2 ** 20, patienceMs: 0, host: silent });
    expect(memory.hold().tryTake(2 ** 20)).toBe(true);
    const next = memory.hold();
    for (let look = 0; look < 20 && !next.tryTake(1); look++) nowNs += 500e6;
    expect(next.bytes).toBe(1);
    expect(nowNs).toBeGreaterThan(2_500e6);
  });

  it('leaves those alone that show that they live', () => {
    let nowNs = 0;
    const beats: (() => boolean)[] = [];
    const alive = {
      ...host,
      monotonicNs: () => nowNs,
      heartbeat: (_: number, beat: () => boolean) => void beats.push(beat),
    };
    const memory = new MemoryBudget({ bytes: 2 ** 20, patienceMs: 0, host: alive });
    expect(memory.hold().tryTake(2 ** 20)).toBe(true);
    for (let look = 0; look < 50; look++) {
      nowNs += 500e6;
      for (const beat of beats) beat();
      expect(memory.hold().tryTake(1)).toBe(false);
    }
  });
});

describe('a client that does nothing', () => {
  it('is given up', async () => {
    const watch = new StallWatch(30);
    await expect(watch.wait(new Promise(() => {}))).rejects.toMatchObject({ kind: 'client-too-slow' });
  });

  it('is none as long as each step comes in time', async () => {
    const watch = new StallWatch(300);
    for (let step = 0; step < 5; step++) await expect(watch.wait(Promise.resolve(step))).resolves.toBe(step);
    watch.end();
  });

  it('is one that sends drops, too', async () => {
    const watch = new StallWatch(30);
    const drops = async () => {
      for (;;) await watch.wait(scheduler.wait(1), false);
    };
    await expect(drops()).rejects.toMatchObject({ kind: 'client-too-slow' });
  });
});

describe('digests', () => {
  const header = (headers: Record<string, string>) => (name: string) => headers[name];
  const all = async (bytes: AsyncIterable<Uint8Array>) => {
    let length = 0;
    for await (const chunk of bytes) length += chunk.length;
    return length;
  };
  async function* pieces() {
    yield new TextEncoder().encode('hello ');
    yield new TextEncoder().encode('world');
  }

  it.each([
    ['content-md5', 'XrY7u+Ae7tCTyyK7j1rNww=='],
    ['content-digest', 'sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:, unknown=:AAAA:'],
    ['digest', 'SHA-256=uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=,md5=XrY7u+Ae7tCTyyK7j1rNww=='],
  ])('%s of the body is let through', async (name, value) => {
    await expect(all(checked(pieces(), expectedDigests(header({ [name]: value }))))).resolves.toBe(11);
  });

  it('named a thousand times are summed up once, and the last counts', async () => {
    const named = (...digests: string[]) =>
      expectedDigests(header({ digest: digests.map((one) => `md5=${one}`).join() }));
    const [right, wrong] = ['XrY7u+Ae7tCTyyK7j1rNww==', 'AAAAAAAAAAAAAAAAAAAAAA=='];
    expect(named(...Array<string>(1000).fill(right))).toHaveLength(1);
    await expect(all(checked(pieces(), named(wrong, right)))).resolves.toBe(11);
    await expect(all(checked(pieces(), named(right, wrong)))).rejects.toMatchObject({ kind: 'digest-mismatch' });
  });

  it('of other bytes are refused at the end', async () => {
    const digests = expectedDigests(header({ 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }));
    await expect(all(checked(pieces(), digests))).rejects.toMatchObject({ kind: 'digest-mismatch' });
  });

  it.each([
    ['content-md5', 'nonsense!'],
    ['content-md5', 'AAAA'],
    ['content-digest', 'sha-256=uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek='],
  ])('%s: %s is no digest', (name, value) => {
    expect(() => expectedDigests(header({ [name]: value }))).toThrow(/is no digest/);
  });
});
