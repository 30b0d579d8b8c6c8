/** Names in order, so many at a time. */

import { describe, expect, it } from 'vitest';
import { latin1 } from '../bytes/latin1.ts';
import { namesInOrder, SmallestNames } from './smallest-names.ts';

/** All of `names`, in pages of `limit`, as a directory that is read again for each would give them. */
function inPages(names: readonly string[], limit: number): string[][] {
  const pages: string[][] = [];
  for (let more = true, after = ''; more; ) {
    const page = new SmallestNames(limit, after);
    for (const name of names) page.add(name);
    pages.push([...page.names]);
    more = page.more;
    after = page.names.at(-1) ?? after;
  }
  return pages;
}

describe('the smallest names', () => {
  const names = Array.from({ length: 1000 }, (_, at) => `n${(at * 7919) % 1000}`);

  it.each([1, 2, 3, 7, 499, 500, 999, 1000, 1001])('in pages of %i are all of them, sorted', (limit) => {
    const pages = inPages(names, limit);
    expect(pages.flat()).toEqual([...names].sort());
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(limit);
  });

  it('are compared by their bytes', () => {
    const page = new SmallestNames(9);
    for (const name of ['b', '\u00ff', 'a', 'B', '\u0001']) page.add(name);
    expect(page.names).toEqual(['\u0001', 'B', 'a', 'b', '\u00ff']);
    expect(page.more).toBe(false);
  });

  it('of none are none', () => {
    expect(new SmallestNames(5).names).toEqual([]);
  });

  it('are listed once for each page of them', async () => {
    let listings = 0;
    const listed: string[] = [];
    const list = () => {
      listings++;
      return names;
    };
    for await (const name of namesInOrder(list, 400)) listed.push(latin1(name));
    expect(listed).toEqual([...names].sort());
    expect(listings).toBe(3);
  });
});
