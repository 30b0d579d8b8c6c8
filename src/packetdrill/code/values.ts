/** The values of code in scripts: Python's numbers (exact up to 2^53), strings, lists, tuples, dictionaries and functions. */

import { ScriptError } from '../language/script-error.ts';
import { charge } from './budget.ts';

/** A list; it may be changed. */
export class List {
  readonly items: Value[];

  constructor(items: Value[]) {
    this.items = items;
  }
}
export class Tuple {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    this.items = items;
  }
}
export class Dict {
  /** By what tells keys apart. */
  readonly entries = new Map<string | number | boolean | null, readonly [key: Value, value: Value]>();

  get(key: Value): Value | undefined {
    return this.entries.get(keyOf(key))?.[1];
  }
  set(key: Value, value: Value): void {
    this.entries.set(keyOf(key), [key, value]);
  }
  delete(key: Value): void {
    this.entries.delete(keyOf(key));
  }
}
/** Arguments by their place, then those by name. */
export type Work = (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value;
export class Callable {
  readonly name: string;
  readonly work: Work;

  constructor(name: string, work: Work) {
    this.name = name;
    this.work = work;
  }
}
/** Of `import`: what is known of it is asked for by name. */
export class Module {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export type Value = number | string | boolean | null | List | Tuple | Dict | Callable | Module;

/** No list, string or range of a script is longer. */
const MOST = 1_000_000;

export function bounded(length: number): number {
  if (length > MOST) throw new ScriptError(`code: more than ${MOST} elements`);
  return length;
}

/** Elements of a list that are made or moved at once cost steps, too, and so memory. */
export const spend = (elements: number): void => charge(elements / 4);

/** So does text that is made or gone through. */
const read = (text: string): void => charge(text.length / 64);

/** Of what is made at once, before it is. */
export function made(length: number, kind: 'text' | 'list'): number {
  bounded(length);
  if (kind === 'list') spend(length);
  else charge(length / 16);
  return length;
}

/** Numbers and what is as they are: True is 1. */
function keyOf(key: Value): string | number | boolean | null {
  if (typeof key === 'boolean') return Number(key);
  if (typeof key === 'string') return `'${key}`;
  if (key instanceof Tuple) return shown(key);
  if (key !== null && typeof key === 'object') throw new ScriptError(`code: ${shown(key)} is no key`);
  return key;
}

export function truth(value: Value): boolean {
  if (value instanceof List || value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Dict) return value.entries.size > 0;
  return value !== 0 && value !== '' && value !== false && value !== null;
}

/** As repr() has it: text in quotes. */
export const quoted = (value: Value): string => (typeof value === 'string' ? `'${value}'` : shown(value));

/** As str() has it. How deep lists lie in each other is bounded: one may be in itself. */
export function shown(value: Value, depth = 0): string {
  if (depth > 20) return '...';
  charge(1);
  if (typeof value === 'string') made(value.length, 'text');
  const inner = (one: Value) => (typeof one === 'string' ? `'${shown(one)}'` : shown(one, depth + 1));
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof List) return `[${value.items.map(inner).join(', ')}]`;
  if (value instanceof Tuple)
    return value.items.length === 1 ? `(${value.items.map(inner)},)` : `(${value.items.map(inner).join(', ')})`;
  if (value instanceof Dict)
    return `{${[...value.entries.values()].map(([key, one]) => `${inner(key)}: ${inner(one)}`).join(', ')}}`;
  if (value instanceof Callable) return `<function ${value.name}>`;
  if (value instanceof Module) return `<module '${value.name}'>`;
  return String(value);
}

export function number(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  throw new ScriptError(`code: ${quoted(value)} is no number`);
}

export function whole(value: Value): number {
  const found = number(value);
  if (!Number.isInteger(found)) throw new ScriptError(`code: ${found} is no whole number`);
  return found;
}

export function string(value: Value): string {
  if (typeof value !== 'string') throw new ScriptError(`code: ${shown(value)} is no string`);
  read(value);
  return value;
}

/** What a loop goes through. */
export function items(value: Value): readonly Value[] {
  if (typeof value === 'string') spend(value.length);
  const all = parts(value);
  charge(all.length);
  return all;
}

function parts(value: Value): readonly Value[] {
  if (value instanceof List || value instanceof Tuple) return value.items;
  if (value instanceof Dict) return [...value.entries.values()].map(([key]) => key);
  if (typeof value === 'string') return [...value];
  throw new ScriptError(`code: ${shown(value)} is nothing to go through`);
}

export function lengthOf(value: Value): number {
  if (value instanceof Dict) return value.entries.size;
  if (typeof value === 'string') spend(value.length);
  return parts(value).length;
}

function same(left: Value, right: Value): boolean {
  charge(1);
  if (left instanceof List || left instanceof Tuple) {
    if (!(right instanceof left.constructor) || !(right instanceof List || right instanceof Tuple)) return false;
    const others = right.items;
    return left.items.length === others.length && left.items.every((one, i) => same(one, others[i] ?? null));
  }
  if (left instanceof Dict)
    return (
      right instanceof Dict &&
      left.entries.size === right.entries.size &&
      [...left.entries].every(([key, [, one]]) => {
        const other = right.entries.get(key);
        return other !== undefined && same(one, other[1]);
      })
    );
  if (typeof left === 'boolean' || typeof right === 'boolean')
    return (
      ['boolean', 'number'].includes(typeof left) &&
      ['boolean', 'number'].includes(typeof right) &&
      Number(left) === Number(right)
    );
  if (typeof left === 'string' && typeof right === 'string' && left.length === right.length) read(left);
  return left === right;
}

/** Below zero, zero, above: of two numbers, two strings, or two lists. */
export function order(left: Value, right: Value): number {
  charge(1);
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  if ((left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple)) {
    for (const [i, one] of left.items.entries()) {
      const other = right.items[i];
      if (other === undefined) return 1;
      const found = order(one, other);
      if (found !== 0) return found;
    }
    return left.items.length - right.items.length;
  }
  return number(left) - number(right);
}

export function compare(operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
    case 'is':
      return same(left, right);
    case '!=':
    case 'is not':
      return !same(left, right);
    case 'in':
      if (typeof right === 'string') return string(right).includes(string(left));
      return right instanceof Dict ? right.get(left) !== undefined : items(right).some((one) => same(one, left));
    case 'not in':
      return !compare('in', left, right);
  }
  const found = order(left, right);
  return operator === '<' ? found < 0 : operator === '>' ? found > 0 : operator === '<=' ? found <= 0 : found >= 0;
}
