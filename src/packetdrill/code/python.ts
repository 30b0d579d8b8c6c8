/**
 * The Python that scripts have in "%{ }%": assertions and what they are made of. Expressions with arithmetic, bits,
 * comparisons (chained, too), and/or/not, if-else, lists, indices and a few functions; assert, print, assignments, pass,
 * and an if on one line. Anything else is an error that says so.
 */

import { Depth } from '../language/depth.ts';
import { ScriptError } from '../language/script.ts';
import { type Token, tokens } from './tokens.ts';

export type Value = number | string | boolean | null | readonly Value[];

/** What code sees beside its own names. */
export interface Names {
  /** Undefined: there is no such name. */
  get(name: string): Value | undefined;
}

/** An assertion that did not hold. */
export class AssertionFailed extends Error {}

const truth = (value: Value): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== 0 && value !== '' && value !== false && value !== null;

export const shown = (value: Value): string =>
  value === null
    ? 'None'
    : typeof value === 'boolean'
      ? value
        ? 'True'
        : 'False'
      : Array.isArray(value)
        ? `[${value.map((one: Value) => (typeof one === 'string' ? `'${one}'` : shown(one))).join(', ')}]`
        : String(value);

/** Binary operators by how tightly they bind, loosest first. */
const levels: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '//', '%']];
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=', 'in', 'not', 'is']);

/** Variables stay from one piece of a script's code to the next. */
export class Python {
  readonly #variables = new Map<string, Value>();
  readonly #print: (line: string) => void;
  #tokens: readonly Token[] = [];
  #at = 0;
  #names: Names = new Map<string, Value>();
  /** Inside what is not to be done: the other side of an if. */
  #skipping = false;
  readonly #depth = new Depth();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Throws `AssertionFailed`, or a `ScriptError` for what is not understood. */
  run(code: string, names: Names): void {
    this.#tokens = tokens(code);
    this.#at = 0;
    this.#names = names;
    while (this.#next.kind !== 'end') {
      if (this.#next.kind === 'newline') this.#at++;
      else this.#statement();
    }
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  #is(text: string): boolean {
    const { kind, text: found } = this.#next;
    if (found !== text || (kind !== 'mark' && kind !== 'name')) return false;
    this.#at++;
    return true;
  }

  #must(text: string): void {
    if (!this.#is(text)) throw new ScriptError(`code: "${text}" was expected at "${this.#next.text}"`);
  }

  #statement(): void {
    const { kind, text } = this.#next;
    if (kind === 'name' && this.#keyword(text)) {
      this.#endOfLine();
      return;
    }
    const target = kind === 'name' ? this.#tokens[this.#at + 1] : undefined;
    if (target?.kind === 'mark' && /^(?:\*\*|\/\/|<<|>>|[-+*/%&|^])?=$/.test(target.text)) {
      this.#at += 2;
      const value = this.#expression();
      const operator = target.text.slice(0, -1);
      const all = operator === '' ? value : binary(operator, this.#look(text), value);
      if (!this.#skipping) this.#variables.set(text, all);
    } else this.#expression();
    this.#endOfLine();
  }

  #endOfLine(): void {
    const { kind, text } = this.#next;
    if (kind !== 'newline' && kind !== 'end') throw new ScriptError(`code: "${text}" was not expected`);
  }

  /** Answers whether it was a statement of its own. */
  #keyword(word: string): boolean {
    switch (word) {
      case 'assert':
        this.#at++;
        this.#assert();
        return true;
      case 'print':
        this.#at++;
        this.#printed();
        return true;
      case 'pass':
        this.#at++;
        return true;
      case 'import':
        this.#at += 2; // sys and the like: of them only what is known by name is there
        return true;
      case 'if':
        this.#at++;
        this.#if();
        return true;
    }
    if (
      ['def', 'for', 'while', 'class', 'with', 'try', 'from', 'return', 'global', 'lambda', 'del', 'raise'].includes(
        word,
      )
    ) {
      throw new ScriptError(`code: Python's "${word}" is not supported`);
    }
    return false;
  }

  #assert(): void {
    const value = this.#expression();
    const message = this.#is(',') ? this.#expression() : undefined;
    if (this.#skipping || truth(value)) return;
    throw new AssertionFailed(message === undefined ? 'AssertionError' : `AssertionError: ${shown(message)}`);
  }

  /** As a function, and as the statement that it was. */
  #printed(): void {
    const before = this.#at;
    if (this.#is('(')) {
      const all = this.#arguments();
      if (this.#next.kind === 'newline' || this.#next.kind === 'end') {
        if (!this.#skipping) this.#print(all.map(shown).join(' '));
        return;
      }
      this.#at = before;
    }
    const parts: Value[] = [];
    while (this.#next.kind !== 'newline' && this.#next.kind !== 'end') {
      parts.push(this.#expression());
      if (!this.#is(',')) break;
    }
    if (!this.#skipping) this.#print(parts.map(shown).join(' '));
  }

  #if(): void {
    const holds = truth(this.#expression());
    this.#must(':');
    if (this.#next.kind === 'newline' && this.#next.text === '\n') {
      throw new ScriptError('code: blocks of lines are not supported, only an if on one line');
    }
    const before = this.#skipping;
    this.#skipping = before || !holds;
    this.#depth.within(() => this.#statement());
    this.#skipping = before;
  }

  #expression(): Value {
    return this.#depth.within(() => this.#conditional());
  }

  #conditional(): Value {
    const value = this.#or();
    if (!this.#is('if')) return value;
    const holds = truth(this.#or());
    this.#must('else');
    const other = this.#expression();
    return holds ? value : other;
  }

  #or(): Value {
    let value = this.#and();
    while (this.#is('or')) {
      const right = this.#and();
      value = truth(value) ? value : right;
    }
    return value;
  }

  #and(): Value {
    let value = this.#not();
    while (this.#is('and')) {
      const right = this.#not();
      value = truth(value) ? right : value;
    }
    return value;
  }

  #not(): Value {
    return this.#is('not') ? !truth(this.#depth.within(() => this.#not())) : this.#comparison();
  }

  #comparison(): Value {
    let left = this.#binary(0);
    let holds: boolean | undefined;
    while (comparisons.has(this.#next.text) && this.#next.kind !== 'string') {
      let operator = this.#next.text;
      this.#at++;
      if (operator === 'not') {
        this.#must('in');
        operator = 'not in';
      } else if (operator === 'is' && this.#is('not')) operator = '!=';
      const right = this.#binary(0);
      holds = (holds ?? true) && compare(operator, left, right);
      left = right;
    }
    return holds ?? left;
  }

  #binary(level: number): Value {
    const operators = levels[level];
    if (!operators) return this.#unary();
    let value = this.#binary(level + 1);
    while (this.#next.kind === 'mark' && operators.includes(this.#next.text)) {
      const operator = this.#next.text;
      this.#at++;
      value = binary(operator, value, this.#binary(level + 1));
    }
    return value;
  }

  #unary(): Value {
    const operand = () => number(this.#depth.within(() => this.#unary()));
    if (this.#is('-')) return -operand();
    if (this.#is('+')) return operand();
    if (this.#is('~')) return -whole(operand()) - 1;
    const base = this.#postfix(this.#atom());
    return this.#is('**') ? number(base) ** operand() : base;
  }

  #postfix(first: Value): Value {
    let value = first;
    while (this.#is('[')) {
      const index = number(this.#expression());
      this.#must(']');
      if (!Array.isArray(value) && typeof value !== 'string') throw new ScriptError('code: only lists have indices');
      const found = value.at(index);
      if (found === undefined) throw new ScriptError(`code: there is no element ${index}`);
      value = found;
    }
    return value;
  }

  #atom(): Value {
    const { kind, text } = this.#next;
    this.#at++;
    if (kind === 'number') return Number(text);
    if (kind === 'string') {
      let all = text;
      while (this.#next.kind === 'string') all += this.#tokens[this.#at++]?.text ?? '';
      return all;
    }
    if (text === '(' || text === '[') return this.#listed(text === '(' ? ')' : ']');
    if (kind !== 'name') throw new ScriptError(`code: a value was expected at "${text}"`);
    if (this.#is('(')) return call(text, this.#arguments());
    return this.#look(text);
  }

  /** In parentheses: one value, or several with commas. */
  #listed(end: string): Value {
    const items: Value[] = [];
    let comma = false;
    while (!this.#is(end)) {
      items.push(this.#expression());
      if (this.#is(',')) comma = true;
      else {
        this.#must(end);
        break;
      }
    }
    const [only] = items;
    return end === ')' && !comma && items.length === 1 && only !== undefined ? only : items;
  }

  #arguments(): Value[] {
    const items: Value[] = [];
    while (!this.#is(')')) {
      items.push(this.#expression());
      if (!this.#is(',')) {
        this.#must(')');
        break;
      }
    }
    return items;
  }

  #look(name: string): Value {
    if (name === 'True') return true;
    if (name === 'False') return false;
    if (name === 'None') return null;
    const value = this.#variables.get(name) ?? this.#names.get(name);
    if (value === undefined && this.#skipping) return null;
    if (value === undefined) throw new ScriptError(`code: name '${name}' is not defined`);
    return value;
  }
}

function whole(value: Value): number {
  const found = number(value);
  if (!Number.isInteger(found)) throw new ScriptError(`code: ${found} is no whole number`);
  return found;
}

function parsed(text: Value): number {
  const found = typeof text === 'string' ? Number(text.trim() || Number.NaN) : number(text);
  if (Number.isNaN(found)) throw new ScriptError(`code: ${shown(text)} is no number`);
  return found;
}

function number(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  throw new ScriptError(`code: ${shown(value)} is no number`);
}

function compare(operator: string, left: Value, right: Value): boolean {
  const same = () =>
    typeof left === 'object' ? JSON.stringify(left) === JSON.stringify(right) : looseEqual(left, right);
  switch (operator) {
    case '==':
    case 'is':
      return same();
    case '!=':
      return !same();
    case 'in':
    case 'not in': {
      const holds =
        typeof right === 'string'
          ? right.includes(String(left))
          : Array.isArray(right) && right.some((one: Value) => compare('==', left, one));
      return holds === (operator === 'in');
    }
  }
  const [a, b] =
    typeof left === 'string' && typeof right === 'string' ? [left, right] : ([number(left), number(right)] as const);
  return operator === '<' ? a < b : operator === '>' ? a > b : operator === '<=' ? a <= b : a >= b;
}

const looseEqual = (left: Value, right: Value): boolean =>
  typeof left === 'boolean' || typeof right === 'boolean' ? Number(left) === Number(right) : left === right;

/** Numbers are exact up to 2^53, and have 1024 bits at most. */
const MOST_SHIFT = 1023;

function binary(operator: string, left: Value, right: Value): Value {
  if (operator === '%' && typeof left === 'string') return formatted(left, Array.isArray(right) ? right : [right]);
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  if (operator === '+' && Array.isArray(left) && Array.isArray(right)) return [...left, ...right] as Value[];
  const [a, b] = [number(left), number(right)];
  if (['/', '//', '%'].includes(operator) && b === 0) throw new ScriptError('code: division by zero');
  const bits = (with64: (x: bigint, y: bigint) => bigint) => Number(with64(BigInt(a), BigInt(b)));
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    case '**':
      return a ** b;
  }
  if (!Number.isInteger(a) || !Number.isInteger(b)) throw new ScriptError(`code: ${operator} is for whole numbers`);
  if ((operator === '<<' || operator === '>>') && (b < 0 || b > MOST_SHIFT))
    throw new ScriptError(`code: a shift is from 0 to ${MOST_SHIFT}`);
  switch (operator) {
    case '&':
      return bits((x, y) => x & y);
    case '|':
      return bits((x, y) => x | y);
    case '^':
      return bits((x, y) => x ^ y);
    case '<<':
      return bits((x, y) => x << y);
    default:
      return bits((x, y) => x >> y);
  }
}

/** "cwnd=%d" % 10 */
function formatted(format: string, values: readonly Value[]): string {
  let next = 0;
  return format.replace(/%(?:(%)|[-+ 0#]*(?:[1-9]\d*)?(?:\.(\d+))?([dsrfxiu]))/g, (_, percent, digits, kind) => {
    if (percent) return '%';
    const value = values[next++] ?? null;
    if (kind === 'f') return number(value).toFixed(digits === undefined ? 6 : Number(digits));
    if (kind === 'x') return Math.trunc(number(value)).toString(16);
    if (kind === 's' || kind === 'r') return shown(value);
    return String(Math.trunc(number(value)));
  });
}

const functions: Readonly<Record<string, (...args: Value[]) => Value>> = {
  abs: (x = 0) => Math.abs(number(x)),
  int: (x = 0) => Math.trunc(parsed(x)),
  float: (x = 0) => parsed(x),
  round: (x = 0) => Math.round(number(x)),
  str: (x = '') => shown(x),
  bool: (x = 0) => truth(x),
  len: (x = '') => (Array.isArray(x) || typeof x === 'string' ? x.length : 0),
  hex: (x = 0) => `0x${whole(x).toString(16)}`,
  min: (...all) => Math.min(...some(all)),
  max: (...all) => Math.max(...some(all)),
  sum: (...all) => listed(all).reduce((sum: number, one) => sum + number(one), 0),
};

function some(all: readonly Value[]): readonly number[] {
  const values = listed(all).map(number);
  if (values.length === 0) throw new ScriptError('code: of nothing there is no least and no most');
  return values;
}

const listed = (all: readonly Value[]): readonly Value[] => {
  const [only] = all;
  return all.length === 1 && Array.isArray(only) ? only : all;
};

function call(name: string, args: readonly Value[]): Value {
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!found) throw new ScriptError(`code: there is no function ${name}() here`);
  return found(...args);
}
