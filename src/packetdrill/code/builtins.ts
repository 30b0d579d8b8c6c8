/** The functions and methods that code in scripts has. */

import { ScriptError } from '../language/script-error.ts';
import { binary, specified } from './arithmetic.ts';
import {
  bounded,
  Callable,
  compare,
  Dict,
  items,
  List,
  lengthOf,
  Module,
  made,
  number,
  order,
  quoted,
  shown,
  spend,
  string,
  Tuple,
  truth,
  type Value,
  type Work,
  whole,
} from './values.ts';

const list = (all: readonly Value[]): List => {
  made(all.length, 'list');
  return new List([...all]);
};
const none: Value = null;

function parsed(text: Value): number {
  const found = typeof text === 'string' ? Number(string(text).trim() || Number.NaN) : number(text);
  if (Number.isNaN(found)) throw new ScriptError(`code: ${shown(text)} is no number`);
  return found;
}

/** int('ff', 16) */
function integer([text = 0, base]: readonly Value[]): Value {
  if (base === undefined) return Math.trunc(parsed(text));
  const [digits, radix] = [string(text).trim().toLowerCase(), whole(base)];
  const plain = radix === 16 ? digits.replace(/^0x/, '') : digits;
  const allowed = '0123456789abcdefghijklmnopqrstuvwxyz'.slice(0, radix);
  if (radix < 2 || radix > 36 || plain === '' || [...plain].some((digit) => !allowed.includes(digit)))
    throw new ScriptError(`code: ${shown(text)} is no number`);
  return Number.parseInt(plain, radix);
}

/** To the nearest; a half goes to the even one. */
function rounded([value = 0, digits = 0]: readonly Value[]): Value {
  const scale = 10 ** whole(digits ?? 0);
  const scaled = number(value) * scale;
  const low = Math.floor(scaled);
  const isHalf = scaled - low === 0.5;
  return (isHalf ? low + (low % 2 === 0 ? 0 : 1) : Math.round(scaled)) / scale;
}

function range(args: readonly Value[]): List {
  const [first = 0, second, third = 1] = args.map(whole);
  const [from, to, step] = second === undefined ? [0, first, 1] : [first, second, third];
  if (step === 0) throw new ScriptError('code: a range has steps');
  const length = made(Math.max(0, Math.ceil((to - from) / step)), 'list');
  return new List(Array.from({ length }, (_, i) => from + i * step));
}

const keyed = (named: ReadonlyMap<string, Value>): ((value: Value) => Value) => {
  const key = named.get('key');
  return key instanceof Callable ? (value) => key.work([value], new Map()) : (value) => value;
};

function sorted(all: readonly Value[], named: ReadonlyMap<string, Value>): Value[] {
  const key = keyed(named);
  const found = all.map((value) => ({ value, key: key(value) })).sort((a, b) => order(a.key, b.key));
  if (truth(named.get('reverse') ?? false)) found.reverse();
  return found.map(({ value }) => value);
}

const most =
  (sign: 1 | -1): Work =>
  (args, named) => {
    const all = args.length === 1 ? items(args[0] ?? null) : args;
    const key = keyed(named);
    const [first, ...rest] = all;
    if (first === undefined) throw new ScriptError('code: of nothing there is no least and no most');
    return rest.reduce<Value>((best, one) => (order(key(one), key(best)) * sign > 0 ? one : best), first);
  };

const radix =
  (prefix: string, base: number): Work =>
  ([value = 0]) => {
    const found = whole(value);
    return `${found < 0 ? '-' : ''}${prefix}${Math.abs(found).toString(base)}`;
  };

function called(function_: Value | undefined): Work {
  if (function_ instanceof Callable) return function_.work;
  throw new ScriptError(`code: ${shown(function_ ?? null)} is no function`);
}

/** Those that take arguments by name. */
const named = new Set(['sorted', 'min', 'max', 'sort', 'format', 'dict']);

const works: Readonly<Record<string, Work>> = {
  abs: ([x = 0]) => Math.abs(number(x)),
  int: integer,
  float: ([x = 0]) => parsed(x),
  round: rounded,
  str: ([x = '']) => shown(x),
  repr: ([x = '']) => quoted(x),
  bool: ([x = 0]) => truth(x),
  len: ([x = '']) => lengthOf(x),
  hex: radix('0x', 16),
  oct: radix('0o', 8),
  bin: radix('0b', 2),
  chr: ([x = 0]) => String.fromCodePoint(Math.min(Math.max(0, whole(x)), 0x10ffff)),
  ord: ([x = '']) => string(x).codePointAt(0) ?? 0,
  min: most(-1),
  max: most(1),
  sum: ([all = null, start = 0]) => items(all).reduce<Value>((sum, one) => binary('+', sum, one), start),
  pow: ([x = 0, y = 0]) => binary('**', x, y),
  divmod: ([x = 0, y = 1]) => new Tuple([binary('//', x, y), binary('%', x, y)]),
  range,
  list: ([x = new List([])]) => list(items(x)),
  tuple: ([x = new List([])]) => new Tuple(items(x)),
  dict([x], pairs) {
    const all = new Dict();
    if (x instanceof Dict) for (const key of items(x)) all.set(key, x.get(key) ?? none);
    else if (x !== undefined) for (const pair of items(x)) all.set(items(pair)[0] ?? none, items(pair)[1] ?? none);
    for (const [key, value] of pairs) all.set(key, value);
    return all;
  },
  sorted: ([x = null], by) => list(sorted(items(x), by)),
  reversed: ([x = null]) => list(items(x).toReversed()),
  enumerate: ([x = null, start = 0]) => list(items(x).map((one, i) => new Tuple([whole(start) + i, one]))),
  zip(args) {
    const all = args.map(items);
    const length = all.length === 0 ? 0 : Math.min(...all.map((one) => one.length));
    return list(Array.from({ length }, (_, i) => new Tuple(all.map((one) => one[i] ?? none))));
  },
  all: ([x = null]) => items(x).every(truth),
  any: ([x = null]) => items(x).some(truth),
  map: ([f, x = null]) => list(items(x).map((one) => called(f)([one], new Map()))),
  filter: ([f, x = null]) => list(items(x).filter((one) => truth(called(f)([one], new Map())))),
};

function occurrences(text: string, part: string): number {
  let found = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) found++;
  return found;
}

const onStrings: Readonly<
  Record<string, (text: string, args: readonly Value[], by: ReadonlyMap<string, Value>) => Value>
> = {
  format(text, args, by) {
    let next = 0;
    return text.replace(/\{\{|\}\}|\{(\w*)(?::([^{}]*))?\}/g, (all, name: string | undefined, form: string = '') => {
      if (name === undefined) return all.slice(1);
      const value = name === '' ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : by.get(name);
      if (value === undefined) throw new ScriptError('code: not enough values for the format');
      return specified(value, form);
    });
  },
  join: (text, [all = null]) => {
    const parts = items(all).map(string);
    made(
      parts.reduce((sum, part) => sum + part.length + text.length, 0),
      'text',
    );
    return parts.join(text);
  },
  split: (text, [by]) =>
    list(by === undefined || by === null ? text.split(/\s+/).filter(Boolean) : text.split(string(by))),
  strip: (text) => text.trim(),
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  startswith: (text, [start = '']) => text.startsWith(string(start)),
  endswith: (text, [end = '']) => text.endsWith(string(end)),
  find: (text, [part = '']) => text.indexOf(string(part)),
  replace: (text, [from = '', to = '']) => {
    const [before, after] = [string(from), string(to)];
    // Before and behind each character where nothing is looked for.
    const times = before === '' ? text.length + 1 : occurrences(text, before);
    made(text.length + times * (after.length - before.length), 'text');
    return text.replaceAll(before, () => after);
  },
  isdigit: (text) => /^\d+$/.test(text),
};

const onLists: Readonly<Record<string, (of: List, args: readonly Value[], by: ReadonlyMap<string, Value>) => Value>> = {
  append({ items: all }, [value = null]) {
    bounded(all.push(value));
    return null;
  },
  extend({ items: all }, [more = null]) {
    for (const one of [...items(more)]) bounded(all.push(one));
    return null;
  },
  insert({ items: all }, [at = 0, value = null]) {
    bounded(all.length + 1);
    spend(all.length);
    all.splice(whole(at), 0, value);
    return null;
  },
  pop({ items: all }, [at = -1]) {
    const index = whole(at) < 0 ? all.length + whole(at) : whole(at);
    spend(all.length - Math.max(0, index));
    const [found] = index < 0 ? [] : all.splice(index, 1);
    if (found === undefined) throw new ScriptError('code: there is no such element');
    return found;
  },
  remove(of, [value = null]) {
    const at = number(onListsAndTuples.index(of, [value]));
    spend(of.items.length - at);
    of.items.splice(at, 1);
    return null;
  },
  reverse({ items: all }) {
    spend(all.length);
    all.reverse();
    return null;
  },
  sort({ items: all }, _, by) {
    all.splice(0, all.length, ...sorted(all, by));
    return null;
  },
};

const onListsAndTuples = {
  index(of: List | Tuple, [value = null]: readonly Value[]): Value {
    const found = of.items.findIndex((one) => compare('==', one, value));
    if (found < 0) throw new ScriptError(`code: ${quoted(value)} is not in it`);
    return found;
  },
  count: (of: List | Tuple, [value = null]: readonly Value[]): Value =>
    of.items.filter((one) => compare('==', one, value)).length,
};

const onDicts: Readonly<Record<string, (of: Dict, args: readonly Value[]) => Value>> = {
  get: (of, [key = null, otherwise = null]) => of.get(key) ?? otherwise,
  keys: (of) => list(items(of)),
  values: (of) => list([...of.entries.values()].map(([, value]) => value)),
  items: (of) => list([...of.entries.values()].map((pair) => new Tuple(pair))),
};

const mathematics: Readonly<Record<string, Value>> = {
  pi: Math.PI,
  e: Math.E,
  ...Object.fromEntries(
    (['ceil', 'floor', 'sqrt', 'log2', 'log10', 'exp', 'trunc'] as const).map((name) => [
      name,
      new Callable(name, ([x = 0]) => Math[name](number(x))),
    ]),
  ),
  log: new Callable('log', ([x = 0, base]) => Math.log(number(x)) / (base === undefined ? 1 : Math.log(number(base)))),
};

/** Python refuses arguments by name where a function has none. */
function function_(name: string, work: Work): Callable {
  if (named.has(name)) return new Callable(name, work);
  return new Callable(name, (args, by) => {
    if (by.size > 0) throw new ScriptError(`code: ${name}() has no arguments by name here`);
    return work(args, by);
  });
}

const functions = new Map(Object.entries(works).map(([name, work]) => [name, function_(name, work)]));

export const builtin = (name: string): Value | undefined => functions.get(name);

/** What stands behind a dot. */
export function attribute(of: Value, name: string): Value {
  const own = <T>(methods: Readonly<Record<string, T>>): T | undefined =>
    Object.hasOwn(methods, name) ? methods[name] : undefined;
  let found: Value | undefined;
  if (typeof of === 'string') {
    const method = own(onStrings);
    found = method && function_(name, (args, by) => method(string(of), args, by));
  } else if (of instanceof List || of instanceof Tuple) {
    const both = own<(of: List | Tuple, args: readonly Value[]) => Value>(onListsAndTuples);
    const method = of instanceof List ? own(onLists) : undefined;
    if (both) found = function_(name, (args) => both(of, args));
    else if (method && of instanceof List) found = function_(name, (args, by) => method(of, args, by));
  } else if (of instanceof Dict) {
    const method = own(onDicts);
    found = method && function_(name, (args) => method(of, args));
  } else if (of instanceof Module && of.name === 'math') found = own(mathematics);
  if (found === undefined)
    throw new ScriptError(`code: ${of instanceof Module ? of.name : quoted(of)} has no "${name}" here`);
  return found;
}
