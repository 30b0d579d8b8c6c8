/** Expressions of Python: read once, then evaluated as often as they are come to. */

import { ScriptError } from '../language/script-error.ts';
import { binary, specified } from './arithmetic.ts';
import { attribute } from './builtins.ts';
import { Reader } from './reader.ts';
import type { Scope } from './scope.ts';
import {
  bounded,
  Callable,
  compare,
  Dict,
  items,
  List,
  made,
  number,
  quoted,
  string,
  Tuple,
  truth,
  type Value,
  whole,
} from './values.ts';

export type Expression = (scope: Scope) => Value;
/** What is assigned to. */
export type Target = (scope: Scope, value: Value) => void;

/** Binary operators by how tightly they bind, loosest first. */
const levels: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '//', '%']];
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=', 'in', 'not', 'is']);
const notNames: ReadonlySet<string> = new Set(
  'and or not in is if elif else for while def return break continue pass global del assert import from class with try except finally raise yield async await nonlocal'.split(
    ' ',
  ),
);

export function expression(reader: Reader): Expression {
  return reader.depth.within(() => (reader.sees('lambda') ? lambda(reader) : conditional(reader)));
}

/** Several with commas are a tuple. */
export function expressions(reader: Reader, one: (reader: Reader) => Expression = expression): Expression {
  const first = one(reader);
  if (!reader.sees(',')) return first;
  const all = [first];
  while (reader.is(',')) {
    if (!beginsValue(reader)) break;
    all.push(one(reader));
  }
  return (scope) => new Tuple(all.map((value) => value(scope)));
}

function beginsValue({ next: { kind, text } }: Reader): boolean {
  if (kind === 'mark') return '([{-+~'.includes(text);
  return kind !== 'newline' && kind !== 'end' && (kind !== 'name' || !notNames.has(text) || text === 'not');
}

/** The names of a function's arguments, with what they are where nobody says. */
export interface Parameter {
  readonly name: string;
  readonly otherwise: Expression | undefined;
}

export function parameters(reader: Reader, end: string): readonly Parameter[] {
  const all: Parameter[] = [];
  while (!reader.is(end)) {
    if (reader.sees('*') || reader.sees('**')) throw new ScriptError('code: arguments with a star are not supported');
    all.push({ name: reader.name(), otherwise: reader.is('=') ? expression(reader) : undefined });
    if (reader.is(',')) continue;
    reader.must(end);
    break;
  }
  return all;
}

/** A function made in `scope`; what it is called with are its own names. */
export function closure(
  name: string,
  wanted: readonly Parameter[],
  scope: Scope,
  work: (inner: Scope) => Value,
): Callable {
  const otherwise = wanted.map((one) => one.otherwise?.(scope));
  return new Callable(name, (args, named) => {
    if (args.length > wanted.length) throw new ScriptError(`code: ${name}() has ${wanted.length} arguments`);
    for (const given of named.keys())
      if (!wanted.some((one) => one.name === given)) throw new ScriptError(`code: ${name}() has no argument ${given}`);
    return scope.within((inner) => {
      for (const [i, one] of wanted.entries()) {
        const value = args[i] ?? named.get(one.name) ?? otherwise[i];
        if (value === undefined) throw new ScriptError(`code: ${name}() wants ${one.name}`);
        inner.set(one.name, value);
      }
      return work(inner);
    });
  });
}

function lambda(reader: Reader): Expression {
  reader.must('lambda');
  const wanted = parameters(reader, ':');
  const value = expression(reader);
  return (scope) => closure('<lambda>', wanted, scope, value);
}

function conditional(reader: Reader): Expression {
  const value = or(reader);
  if (!reader.is('if')) return value;
  const holds = or(reader);
  reader.must('else');
  const other = expression(reader);
  return (scope) => (truth(holds(scope)) ? value(scope) : other(scope));
}

function or(reader: Reader): Expression {
  let left = and(reader);
  while (reader.is('or')) {
    const [first, second] = [left, and(reader)];
    left = (scope) => {
      const value = first(scope);
      return truth(value) ? value : second(scope);
    };
  }
  return left;
}

function and(reader: Reader): Expression {
  let left = not(reader);
  while (reader.is('and')) {
    const [first, second] = [left, not(reader)];
    left = (scope) => {
      const value = first(scope);
      return truth(value) ? second(scope) : value;
    };
  }
  return left;
}

function not(reader: Reader): Expression {
  if (!reader.is('not')) return comparison(reader);
  const value = reader.depth.within(() => not(reader));
  return (scope) => !truth(value(scope));
}

/** Several in a row hold when each does. */
function comparison(reader: Reader): Expression {
  const first = operation(reader, 0);
  const rest: { readonly operator: string; readonly right: Expression }[] = [];
  while (comparisons.has(reader.next.text) && (reader.next.kind === 'mark' || reader.next.kind === 'name')) {
    // An "in" of a loop is read by the loop.
    let operator = reader.take().text;
    if (operator === 'not') {
      reader.must('in');
      operator = 'not in';
    } else if (operator === 'is' && reader.is('not')) operator = 'is not';
    rest.push({ operator, right: operation(reader, 0) });
  }
  if (rest.length === 0) return first;
  return (scope) => {
    let left = first(scope);
    for (const { operator, right } of rest) {
      const value = right(scope);
      if (!compare(operator, left, value)) return false;
      left = value;
    }
    return true;
  };
}

/** Without comparisons, as the names of a loop are. */
export function operation(reader: Reader, level = 0): Expression {
  const operators = levels[level];
  if (!operators) return unary(reader);
  let left = operation(reader, level + 1);
  while (reader.next.kind === 'mark' && operators.includes(reader.next.text)) {
    const operator = reader.take().text;
    const [first, second] = [left, operation(reader, level + 1)];
    left = (scope) => {
      scope.step();
      return binary(operator, first(scope), second(scope));
    };
  }
  return left;
}

function unary(reader: Reader): Expression {
  const operand = () => reader.depth.within(() => unary(reader));
  for (const [sign, work] of signs)
    if (reader.is(sign)) {
      const value = operand();
      return (scope) => work(value(scope));
    }
  const base = postfix(reader);
  if (!reader.is('**')) return base;
  const exponent = operand();
  return (scope) => binary('**', base(scope), exponent(scope));
}

const signs: readonly (readonly [string, (value: Value) => number])[] = [
  ['-', (value) => -number(value)],
  ['+', number],
  ['~', (value) => -whole(value) - 1],
];

function postfix(reader: Reader): Expression {
  let value = atom(reader);
  for (;;) {
    const of = value;
    if (reader.is('[')) {
      const at = subscript(reader);
      value = (scope) => at(scope, of(scope));
    } else if (reader.is('.')) {
      const name = reader.name();
      value = (scope) => attribute(of(scope), name);
    } else if (reader.is('(')) {
      const args = given(reader);
      value = (scope) => {
        scope.step();
        const function_ = of(scope);
        if (!(function_ instanceof Callable)) throw new ScriptError(`code: ${quoted(function_)} is no function`);
        return args(scope, function_);
      };
    } else return value;
  }
}

/** Behind "[": an element, or a part. */
function subscript(reader: Reader): (scope: Scope, of: Value) => Value {
  const parts: (Expression | undefined)[] = [];
  let isPart = false;
  for (;;) {
    parts.push(reader.sees(':') || reader.sees(']') ? undefined : expressions(reader));
    if (!reader.is(':')) break;
    isPart = true;
  }
  reader.must(']');
  const [first] = parts;
  if (isPart)
    return (scope, of) =>
      part(
        of,
        parts.map((one) => one?.(scope)),
      );
  if (!first) throw new ScriptError('code: an index was expected at "]"');
  return (scope, of) => element(of, first(scope));
}

function element(of: Value, index: Value): Value {
  if (of instanceof Dict) {
    const found = of.get(index);
    if (found === undefined) throw new ScriptError(`code: there is no key ${quoted(index)}`);
    return found;
  }
  if (typeof of !== 'string' && !(of instanceof List) && !(of instanceof Tuple))
    throw new ScriptError('code: only lists have indices');
  // A list is not gone through for one of its elements; text is, for its characters.
  const found = (typeof of === 'string' ? items(of) : of.items).at(whole(index));
  if (found === undefined) throw new ScriptError(`code: there is no element ${whole(index)}`);
  return found;
}

function part(of: Value, [from, to, by]: readonly (Value | undefined)[]): Value {
  const all = items(of);
  const step = by === undefined || by === null ? 1 : whole(by);
  if (step === 0) throw new ScriptError('code: a part has steps');
  const clamp = (value: Value | undefined, otherwise: number): number => {
    if (value === undefined || value === null) return otherwise;
    const index = whole(value) < 0 ? whole(value) + all.length : whole(value);
    return Math.min(Math.max(index, step < 0 ? -1 : 0), step < 0 ? all.length - 1 : all.length);
  };
  const [start, end] =
    step > 0 ? [clamp(from, 0), clamp(to, all.length)] : [clamp(from, all.length - 1), clamp(to, -1)];
  const found: Value[] = [];
  for (let i = start; step > 0 ? i < end : i > end; i += step) found.push(all[i] ?? null);
  if (typeof of === 'string') return found.join('');
  return of instanceof Tuple ? new Tuple(found) : new List(found);
}

/** The arguments of a call, behind "(". */
function given(reader: Reader): (scope: Scope, function_: Callable) => Value {
  const placed: Expression[] = [];
  const named: (readonly [string, Expression])[] = [];
  while (!reader.is(')')) {
    const [name, mark] = [reader.next, reader.ahead(1)];
    if (name.kind === 'name' && mark.kind === 'mark' && mark.text === '=') {
      reader.take();
      reader.take();
      named.push([name.text, expression(reader)]);
    } else {
      if (reader.sees('*') || reader.sees('**')) throw new ScriptError('code: arguments with a star are not supported');
      if (named.length > 0) throw new ScriptError('code: an argument by its place stands behind one by its name');
      const value = expression(reader);
      const isAll = placed.length === 0 && reader.sees('for');
      placed.push(isAll ? comprehension(reader, value) : value);
    }
    if (reader.is(',')) continue;
    reader.must(')');
    break;
  }
  return (scope, function_) =>
    function_.work(
      placed.map((one) => one(scope)),
      new Map(named.map(([name, one]) => [name, one(scope)])),
    );
}

function atom(reader: Reader): Expression {
  const { kind, text } = reader.take();
  if (kind === 'number') {
    const value = Number(text);
    return () => value;
  }
  if (kind === 'string' || kind === 'format') return strings(reader, kind, text);
  if (kind === 'mark' && text === '(') return parenthesized(reader);
  if (kind === 'mark' && text === '[') return list(reader);
  if (kind === 'mark' && text === '{') return dictionary(reader);
  if (kind !== 'name' || notNames.has(text)) throw new ScriptError(`code: a value was expected at "${text}"`);
  if (text === 'True' || text === 'False') return () => text === 'True';
  if (text === 'None') return () => null;
  return (scope) => scope.look(text);
}

/** Those that stand behind each other are one. */
function strings(reader: Reader, kind: 'string' | 'format', text: string): Expression {
  const parts: Expression[] = [];
  for (let [is, one] = [kind, text]; ; ) {
    const plain = one;
    parts.push(is === 'format' ? interpolated(reader, plain) : () => plain);
    const { kind: next } = reader.next;
    if (next !== 'string' && next !== 'format') break;
    [is, one] = [next, reader.take().text];
  }
  const [only] = parts;
  return parts.length === 1 && only ? only : (scope) => together(parts, scope);
}

function together(parts: readonly Expression[], scope: Scope): string {
  const texts = parts.map((one) => string(one(scope)));
  made(
    texts.reduce((sum, { length }) => sum + length, 0),
    'text',
  );
  return texts.join('');
}

/** f"cwnd={tcpi_snd_cwnd:3d}" */
function interpolated(reader: Reader, text: string): Expression {
  const parts: Expression[] = [];
  const pattern = /\{\{|\}\}|[^{}]+|\{([^{}!:][^{}:]*?)(?:!([rs]))?(?::([^{}]*))?\}/gy;
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const [all, code, way, form = ''] = match;
    end = match.index + all.length;
    if (code === undefined) {
      const plain = all === '{{' || all === '}}' ? all.slice(1) : all;
      parts.push(() => plain);
      continue;
    }
    const inner = new Reader(`(${code})`);
    const value = reader.depth.within(() => expression(inner));
    if (inner.next.kind !== 'newline') throw new ScriptError(`code: "${inner.next.text}" was not expected`);
    parts.push((scope) => {
      const found = value(scope);
      return specified(way === 'r' ? quoted(found) : found, form);
    });
  }
  if (end < text.length) throw new ScriptError(`code: the braces of "${text}" are not understood`);
  return (scope) => together(parts, scope);
}

/** One value, or a tuple, or what a generator would give. */
function parenthesized(reader: Reader): Expression {
  if (reader.is(')')) return () => new Tuple([]);
  const first = expression(reader);
  if (reader.sees('for')) {
    const all = comprehension(reader, first);
    reader.must(')');
    return all;
  }
  if (reader.is(')')) return first;
  const all = rest(reader, first, ')');
  return (scope) => new Tuple(all.map((one) => one(scope)));
}

function rest(reader: Reader, first: Expression, end: string): readonly Expression[] {
  const all = [first];
  while (!reader.is(end)) {
    reader.must(',');
    if (reader.is(end)) break;
    all.push(expression(reader));
  }
  return all;
}

function list(reader: Reader): Expression {
  if (reader.is(']')) return () => new List([]);
  const first = expression(reader);
  if (reader.sees('for')) {
    const all = comprehension(reader, first);
    reader.must(']');
    return all;
  }
  const all = rest(reader, first, ']');
  return (scope) => new List(all.map((one) => one(scope)));
}

function dictionary(reader: Reader): Expression {
  const pairs: (readonly [Expression, Expression])[] = [];
  while (!reader.is('}')) {
    const key = expression(reader);
    if (!reader.sees(':')) throw new ScriptError('code: sets are not supported');
    reader.must(':');
    pairs.push([key, expression(reader)]);
    if (reader.sees('for')) throw new ScriptError('code: dictionaries made by "for" are not supported');
    if (reader.is(',')) continue;
    reader.must('}');
    break;
  }
  return (scope) => {
    const found = new Dict();
    for (const [key, value] of pairs) found.set(key(scope), value(scope));
    return found;
  };
}

/** [VALUE for NAME in ALL if CONDITION] */
function comprehension(reader: Reader, value: Expression): Expression {
  const loops: { readonly target: Target; readonly all: Expression; readonly holds: readonly Expression[] }[] = [];
  while (reader.is('for')) {
    const target = targets(reader);
    reader.must('in');
    const all = or(reader);
    const holds: Expression[] = [];
    while (reader.is('if')) holds.push(or(reader));
    loops.push({ target, all, holds });
  }
  const gather = (scope: Scope, level: number, found: Value[]): void => {
    const loop = loops[level];
    if (!loop) {
      bounded(found.push(value(scope)));
      return;
    }
    for (const one of [...items(loop.all(scope))]) {
      scope.step();
      loop.target(scope, one);
      if (loop.holds.every((holds) => truth(holds(scope)))) gather(scope, level + 1, found);
    }
  };
  // Its names are its own.
  return (scope) =>
    scope.within((inner) => {
      const found: Value[] = [];
      gather(inner, 0, found);
      return new List(found);
    });
}

/** The names that a loop or an assignment gives values to: NAME, NAME[INDEX], or several with commas, in brackets or not. */
export function targets(reader: Reader): Target {
  const all: Target[] = [];
  let isOne = true;
  do {
    if (all.length > 0 && (reader.sees('in') || reader.sees('='))) break;
    all.push(reader.depth.within(() => target(reader)));
    if (reader.sees(',')) isOne = false;
  } while (reader.is(','));
  const [only] = all;
  return isOne && only ? only : spread(all);
}

function target(reader: Reader): Target {
  if (reader.is('(') || reader.is('[')) {
    const inner = targets(reader);
    if (!reader.is(')')) reader.must(']');
    return inner;
  }
  const { kind, text } = reader.next;
  if (kind !== 'name' || notNames.has(text) || ['True', 'False', 'None'].includes(text))
    throw new ScriptError(`code: nothing can be assigned to "${text}"`);
  reader.take();
  let holder: Expression | undefined;
  let place: Target = (scope, value) => scope.set(text, value);
  while (reader.sees('[') || reader.sees('.')) {
    if (reader.is('.')) throw new ScriptError(`code: nothing can be assigned to what is in ${text}`);
    reader.must('[');
    const of: Expression = holder ?? ((scope) => scope.look(text));
    const index = expressions(reader);
    reader.must(']');
    holder = (scope) => element(of(scope), index(scope));
    place = (scope, value) => put(of(scope), index(scope), value);
  }
  return place;
}

function put(of: Value, index: Value, value: Value): void {
  if (of instanceof Dict) {
    of.set(index, value);
    return;
  }
  if (!(of instanceof List)) throw new ScriptError(`code: nothing can be assigned to elements of ${quoted(of)}`);
  const at = whole(index) < 0 ? whole(index) + of.items.length : whole(index);
  if (at < 0 || at >= of.items.length) throw new ScriptError(`code: there is no element ${whole(index)}`);
  of.items[at] = value;
}

const spread =
  (all: readonly Target[]): Target =>
  (scope, value) => {
    const values = [...items(value)];
    if (values.length !== all.length) throw new ScriptError(`code: ${values.length} values for ${all.length} names`);
    for (const [i, one] of all.entries()) one(scope, values[i] ?? null);
  };
