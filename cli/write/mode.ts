/** Modes as chmod(1) takes them. */

import { Failure } from '../failure.ts';

/** A file's new permission bits from its old ones. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const whose: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const ALL_X = 0o111;

/** Octal digits, or clauses as `u+x,go-w,a=rX`. Throws what is wrong with it. */
export function changedMode(text: string): ModeChange {
  if (/^[0-7]{1,4}$/.test(text)) return () => Number.parseInt(text, 8);
  const clauses = text.split(',').map(clause);
  return (mode, isDirectory) => clauses.reduce((bits, change) => change(bits, isDirectory), mode);
}

function clause(text: string): ModeChange {
  const [, who = '', rest = ''] = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(text) ?? [];
  if (rest === '') throw new Failure('usage', `${text}: modes are octal, or as u+x, go-w, a=rX`);
  const mask = [...(who || 'a')].reduce((bits, one) => bits | (whose[one] ?? 0), 0);
  const actions = [...rest.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)];
  return (mode, isDirectory) =>
    actions.reduce((bits, [, operation, letters = '']) => {
      const named = bitsOf(letters, bits, isDirectory) & mask;
      if (operation === '+') return bits | named;
      if (operation === '-') return bits & ~named;
      // Set-id bits of a directory stay unless they are named, as in coreutils.
      const kept = isDirectory ? bits & 0o6000 & ~named : 0;
      return (bits & ~mask) | named | kept;
    }, mode);
}

function bitsOf(letters: string, mode: number, isDirectory: boolean): number {
  const copied = { u: mode >> 6, g: mode >> 3, o: mode }[letters];
  if (copied !== undefined) return (copied & 7) * ALL_X;
  const executes = isDirectory || (mode & ALL_X) !== 0;
  const values: Readonly<Record<string, number>> = {
    r: 0o444,
    w: 0o222,
    x: 0o111,
    X: executes ? 0o111 : 0,
    s: 0o6000,
    t: 0o1000,
  };
  return [...letters].reduce((bits, letter) => bits | (values[letter] ?? 0), 0);
}
