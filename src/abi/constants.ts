/** Words and numbers of the user ABI: "O_RDWR|O_CREAT" is 66, and 66 is "O_RDWR|O_CREAT". */

import { type ConstantGroup, constantGroups } from './uapi/constants.ts';

interface Group {
  /** Bits that hold one value out of several; -1: all of them. */
  readonly mask: number;
  readonly values: ReadonlyMap<string, number>;
}

const parsed = new Map<ConstantGroup, Group>();

/** Whether a kind is a group of constants. */
export const isGroup = (kind: string): kind is ConstantGroup => Object.hasOwn(constantGroups, kind);

/** A group's words and their values, in the order in which Linux's headers define them. */
export function groupOf(name: ConstantGroup): Group {
  const known = parsed.get(name);
  if (known) return known;
  const [prefix, mask, text] = constantGroups[name];
  const parts = text.split(' ');
  const values = new Map<string, number>();
  for (let i = 0; i < parts.length; i += 2) values.set(prefix + parts[i], Number(parts[i + 1]));
  const group = { mask, values };
  parsed.set(name, group);
  return group;
}

let everything: Map<string, number> | undefined;

/** A constant of any group. Two groups never give one name two values: C macros have one name space. */
function anywhere(word: string): number | undefined {
  if (!everything) {
    everything = new Map();
    for (const name of Object.keys(constantGroups) as ConstantGroup[])
      for (const [word, value] of groupOf(name).values) everything.set(word, value);
  }
  return everything.get(word);
}

/** A whole number in C's notation: decimal, 0x or 0 octal, with an optional sign. */
function parseInteger(text: string): bigint | undefined {
  const found = /^(-?)(?:0x([0-9a-f]+)|0([0-7]+)|(0|[1-9]\d*))$/i.exec(text);
  if (!found) return undefined;
  const [, sign, hex, octal, decimal] = found;
  const value = hex ? BigInt(`0x${hex}`) : octal ? BigInt(`0o${octal}`) : BigInt(decimal ?? 0);
  return sign ? -value : value;
}

/** The number that words joined by "|" stand for; the first word that is none, when one is not. */
export function parseWords(text: string, group?: ConstantGroup): { value: bigint } | { unknown: string } {
  let value = 0n;
  for (const part of text.split('|')) {
    const word = part.trim();
    const number = parseInteger(word) ?? constant(word, group);
    if (number === undefined) return { unknown: word };
    value = value === 0n ? BigInt(number) : value | BigInt(number);
  }
  return { value };
}

/** What the uapi headers have for no compiler to see: for libc to define, or with a type of libc's. */
const unseen: Readonly<Record<string, readonly [value: number, group?: ConstantGroup]>> = {
  UTIME_NOW: [2 ** 30 - 1], // linux/stat.h
  UTIME_OMIT: [2 ** 30 - 2],
  RLIM_INFINITY: [-1], // all bits of a limit, 32 or 64
  SOL_IP: [0, 'sol'], // linux/socket.h
  BLKGETSIZE64: [0x8004_1272, 'ioctl'], // _IOR(0x12, 114, size_t)
};

/** linux/quota.h, in the order of their numbers: the types of QCMD(command, type). */
const quotaTypes: readonly string[] = ['USRQUOTA', 'GRPQUOTA', 'PRJQUOTA'];

/** What quotactl(2) takes: the macro QCMD, of which Q_… is a part alone. */
function quotaCommand(word: string): number | undefined {
  const [, command = '', type = ''] = /^QCMD\((\w+), ?(\w+)\)$/.exec(word) ?? [];
  const [number, of] = [groupOf('quota').values.get(command), quotaTypes.indexOf(type)];
  return number === undefined || of < 0 ? undefined : number * 256 + of;
}

function constant(word: string, group: ConstantGroup | undefined): number | undefined {
  if (group === undefined || group === 'quota') {
    const command = quotaCommand(word);
    if (command !== undefined) return command;
  }
  // POSIX's names and Linux's for the same families.
  const name = group === undefined || group === 'family' ? word.replace(/^PF_/, 'AF_') : word;
  const found = group === undefined ? anywhere(name) : groupOf(group).values.get(name);
  if (found !== undefined || !Object.hasOwn(unseen, word)) return found;
  const [value, of] = unseen[word] ?? [];
  return group === undefined || group === of ? value : undefined;
}

/** `value` in a group's words, as strace prints it; undefined when no word fits. */
export function formatWords(value: number, name: ConstantGroup): string | undefined {
  const { mask, values } = groupOf(name);
  if (name === 'quota') {
    const [command, type] = [wordFor(values, (known) => known === value >>> 8), quotaTypes[value & 0xff]];
    if (command !== undefined && type !== undefined) return `QCMD(${command}, ${type})`;
  }
  if (mask === -1) return wordFor(values, (known) => known === value);
  const words: string[] = [];
  let rest = BigInt(value);
  if (mask !== 0) {
    const field = value & mask;
    const word = wordFor(values, (known) => known === field && (known & ~mask) === 0);
    if (word !== undefined && !(field === 0 && name === 'mode')) words.push(word);
    if (word !== undefined) rest &= ~BigInt(mask);
  }
  for (const [word, known] of flagsOf(name)) {
    const bits = BigInt(known);
    if (rest === 0n) break;
    if ((rest & bits) !== bits) continue;
    words.push(word);
    rest &= ~bits;
  }
  if (words.length === 0) return value === 0 ? '0' : undefined;
  if (rest !== 0n) words.push(`0x${rest.toString(16)}`);
  return words.join('|');
}

function wordFor(values: ReadonlyMap<string, number>, fits: (value: number) => boolean): string | undefined {
  for (const [word, value] of values) if (fits(value)) return word;
  return undefined;
}

const sorted = new Map<ConstantGroup, readonly (readonly [string, number])[]>();

/** A group's flags, those of several bits first, so that O_SYNC is not taken for O_DSYNC and more. */
function flagsOf(name: ConstantGroup): readonly (readonly [string, number])[] {
  const known = sorted.get(name);
  if (known) return known;
  const { mask, values } = groupOf(name);
  const flags = [...values].filter(
    ([, value]) => value !== 0 && (mask === 0 || (value & ~mask) !== 0 || value > 2 ** 32),
  );
  const ordered = flags.toSorted(([, a], [, b]) => bitCount(b) - bitCount(a));
  sorted.set(name, ordered);
  return ordered;
}

function bitCount(value: number): number {
  return value.toString(2).replaceAll('0', '').length;
}
