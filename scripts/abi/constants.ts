/** Reads the value of every constant that a group asks for: names from the preprocessor, values from the compiler. */

import { type Group, groups } from './groups.ts';
import type { Unit } from './headers.ts';

/** Names that bound a range, reserve a place or are internal: no caller passes them. */
const bounds = /^_(?!_W|LINUX_CAP)|_MAX$|_LAST$|_ALIGNTO$|_SIZE_VER|_UNUSED\d*$|_SUPPORTED$/;

/** One group's text: the prefix its names share, which bits hold one value, then "NAME value …" in the headers' order. */
export type GroupRow = readonly [prefix: string, mask: number, words: string];

export function readConstants(unit: Unit): Record<string, GroupRow> {
  const names = readNames(unit);
  const wanted = new Map(Object.entries(groups).map(([group, rule]) => [group, members(names, rule)]));
  const values = evaluate(unit, [...new Set([...wanted.values()].flat())]);
  const rows: Record<string, GroupRow> = {};
  for (const [group, { mask }] of Object.entries(groups)) {
    const known = (wanted.get(group) ?? []).flatMap((name) => {
      const value = values.get(name);
      // Bit 31 of an int is a flag, not a sign.
      return value === undefined
        ? []
        : [{ name, value: mask !== -1 && value < 0n ? BigInt.asUintN(32, value) : value }];
    });
    if (known.length === 0) throw new Error(`group ${group} is empty`);
    const prefix = commonPrefix(known.map(({ name }) => name));
    rows[group] = [prefix, mask, known.map(({ name, value }) => `${name.slice(prefix.length)} ${value}`).join(' ')];
  }
  return rows;
}

/** Every integer constant whose whole name matches, and whether a macro defines it. */
export function readValues(
  unit: Unit,
  pattern: RegExp,
): ReadonlyMap<string, { readonly value: bigint; readonly macro: boolean }> {
  const { all } = readNames(unit);
  const values = evaluate(
    unit,
    [...all.keys()].filter((name) => pattern.test(name)),
  );
  return new Map(
    [...values].map(([name, value]) => [
      name,
      // Bit 31 of an int is a flag, not a sign.
      { value: BigInt.asUintN(value < 0n && value >= -(2n ** 31n) ? 32 : 64, value), macro: all.get(name) !== '' },
    ]),
  );
}

interface Names {
  /** Every object-like macro and enumerator, in the order in which the headers define them, with the macro's text. */
  readonly all: Map<string, string>;
  readonly enums: readonly (readonly string[])[];
}

function readNames(unit: Unit): Names {
  const all = new Map<string, string>();
  for (const [, name, body] of unit.run('', '-E', '-dD').stdout.matchAll(/^#define (\w+) (\S.*)/gm))
    all.set(name ?? '', body ?? '');
  const enums = [...unit.run('', '-E', '-P').stdout.matchAll(/\benum\b\s*\w*\s*\{([^}]*)\}/g)].map(([, body]) =>
    (body ?? '').split(',').flatMap((item) => /^\s*(\w+)/.exec(item)?.[1] ?? []),
  );
  for (const name of enums.flat()) if (!all.has(name)) all.set(name, '');
  return { all, enums };
}

function members({ all, enums }: Names, { names, body, enums: anchors }: Group): string[] {
  const whole = names === undefined ? undefined : new RegExp(`^(?:${names})$`);
  const found = [...all].filter(([name, text]) => whole?.test(name) || body?.test(text)).map(([name]) => name);
  for (const anchor of anchors?.split(' ') ?? []) {
    const values = enums.find((names) => names.includes(anchor));
    if (values === undefined) throw new Error(`no enum holds ${anchor}`);
    found.push(...values);
  }
  return found.filter((name) => !bounds.test(name));
}

/** Compile `name = value` for each; names that are no integer constants (macros for something else) drop out. */
function evaluate(unit: Unit, names: readonly string[]): Map<string, bigint> {
  let left = names;
  for (;;) {
    const text = left.map((name, i) => `const long long probe_${i} = (long long)(${name});`).join('\n');
    const { stdout, stderr, ok } = unit.run(text, '-S', '-emit-llvm', '-o', '-');
    if (ok) {
      const found = new Map<string, bigint>();
      for (const [, index, value] of stdout.matchAll(/^@probe_(\d+) = .*constant i64 (-?\d+)/gm)) {
        found.set(left[Number(index)] ?? '', BigInt(value ?? 0));
      }
      return found;
    }
    const bad = new Set([...stderr.matchAll(/probe\.c:(\d+):\d+: error/g)].map(([, line]) => Number(line) - 1));
    if (bad.size === 0) throw new Error(stderr);
    left = left.filter((_, i) => !bad.has(i));
  }
}

/** The longest "WORD_" that all begin with. */
function commonPrefix(names: readonly string[]): string {
  const [first = ''] = names;
  let prefix = /^_?[A-Z0-9]+_/.exec(first)?.[0] ?? '';
  if (
    !names.every(
      (name) => name.startsWith(prefix) && name.length > prefix.length && !/^\d/.test(name.slice(prefix.length)),
    )
  )
    prefix = '';
  for (;;) {
    const longer = /^[A-Z0-9]+_/.exec(first.slice(prefix.length))?.[0];
    if (longer === undefined || prefix === '') return prefix;
    if (!names.every((name) => name.startsWith(prefix + longer) && name.length > prefix.length + longer.length))
      return prefix;
    prefix += longer;
  }
}
