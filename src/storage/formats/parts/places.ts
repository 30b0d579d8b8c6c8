/**
 * Blocks of a disk that a table has in each other, or where the file's headers and tables are. No sum tells of such damage, and
 * one of two blocks at one place has other bytes than it had.
 */

import { FormatError } from '../../errors.ts';

export interface Range {
  readonly at: number;
  readonly bytes: number;
}

export interface Places {
  /** While a table is looked through; answers where the block ends. */
  saw(at: number, bytes: number): number;
  /** When that is done. */
  compare(): void;
  /** Throws a FormatError where the block that begins at `at` is in another, or in what is no block's. */
  check(at: number, bytes: number): void;
}

export function places(name: string, taken: readonly Range[]): Places {
  let seen: Range[] = [];
  const shared = new Set<number>();
  return {
    saw(at, bytes) {
      seen.push({ at, bytes });
      return at + bytes;
    },
    compare() {
      let before: Range = { at: 0, bytes: 0 };
      for (const own of seen.sort((one, other) => one.at - other.at)) {
        if (own.at < before.at + before.bytes) shared.add(before.at).add(own.at);
        if (own.at + own.bytes > before.at + before.bytes) before = own;
      }
      seen = [];
    },
    check(at, bytes) {
      if (shared.has(at)) throw new FormatError(name, 'its table is damaged: two of its blocks lie in the same place');
      if (taken.some((range) => at < range.at + range.bytes && at + bytes > range.at))
        throw new FormatError(name, 'its table is damaged: a block lies where something else is');
    },
  };
}
