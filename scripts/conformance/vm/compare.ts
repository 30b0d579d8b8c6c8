/** Ours beside Linux's: what must not be is a tree of ours without an error where Linux tells of one, or another tree. */

import type { Listed } from './listing.ts';

const NONE: ReadonlySet<string> = new Set();

/** `known`: lines of `unlike` that are of how the two look. */
export function compared(
  mine: Listed | string,
  theirs: Listed,
  known: ReadonlySet<string> = NONE,
): { readonly kind: string; readonly tell?: string } {
  const bad = theirs.refused || theirs.errors.length > 0;
  if (typeof mine === 'string') {
    if (bad) return { kind: 'both tell of an error' };
    return { kind: 'ours alone tells of an error', tell: mine };
  }
  if (theirs.refused) return { kind: 'OURS a tree where Linux refuses', tell: theirs.errors.join('; ').slice(0, 600) };
  const different = unlike(mine, theirs).filter((line) => !known.has(line));
  const errors = theirs.errors.join('; ').slice(0, 600);
  if (bad)
    return {
      kind: 'OURS silent where Linux tells of an error',
      tell: `${errors} | ${different.slice(0, 5).join('; ')}`,
    };
  if (different.length > 0) return { kind: 'OURS another tree', tell: different.slice(0, 8).join('; ') };
  return { kind: 'the same tree' };
}

/** A line for each entry that one has and the other has not, or has otherwise. */
export function unlike(mine: Listed, theirs: Listed): string[] {
  const lines: string[] = [];
  const text = (path: string) => Buffer.from(path, 'hex').toString();
  for (const path of new Set([...mine.entries.keys(), ...theirs.entries.keys()])) {
    const [one, other] = [mine.entries.get(path), theirs.entries.get(path)];
    if (one !== other) lines.push(`${text(path)}: ${one ?? 'missing'} | Linux: ${other ?? 'missing'}`);
    else if (path !== '2e' && mine.times.get(path) !== theirs.times.get(path)) {
      lines.push(`${text(path)}: time ${mine.times.get(path)} | Linux: ${theirs.times.get(path)}`);
    }
  }
  return lines;
}
