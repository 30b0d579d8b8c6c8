/** Python's operators on two values, and its ways to write values into text. */

import { ScriptError } from '../language/script-error.ts';
import { Dict, List, made, number, quoted, shown, string, Tuple, type Value, whole } from './values.ts';

/** Numbers are exact up to 2^53, and have 1024 bits at most. */
const MOST_SHIFT = 1023;

export function binary(operator: string, left: Value, right: Value): Value {
  if (operator === '%' && typeof left === 'string') return formatted(string(left), right);
  if (operator === '+' || operator === '*') {
    const found = operator === '+' ? joined(left, right) : (repeated(left, right) ?? repeated(right, left));
    if (found !== undefined) return found;
  }
  const [a, b] = [number(left), number(right)];
  if (['/', '//', '%'].includes(operator) && b === 0) throw new ScriptError('code: division by zero');
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
  const bits = (with64: (x: bigint, y: bigint) => bigint) => Number(with64(BigInt(a), BigInt(b)));
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

function joined(left: Value, right: Value): Value | undefined {
  if (typeof left === 'string' && typeof right === 'string') {
    made(left.length + right.length, 'text');
    return left + right;
  }
  for (const kind of [List, Tuple])
    if (left instanceof kind && right instanceof kind) {
      made(left.items.length + right.items.length, 'list');
      return new kind([...left.items, ...right.items]);
    }
  return undefined;
}

function repeated(left: Value, right: Value): Value | undefined {
  if (typeof left !== 'string' && !(left instanceof List) && !(left instanceof Tuple)) return undefined;
  const times = Math.max(0, whole(right));
  if (typeof left === 'string') {
    made(left.length * times, 'text');
    return left === '' ? '' : left.repeat(times);
  }
  // Of nothing, however often, there is nothing to go through.
  if (made(left.items.length * times, 'list') === 0) return left instanceof List ? new List([]) : new Tuple([]);
  const all: Value[] = [];
  for (let i = 0; i < times; i++) for (const one of left.items) all.push(one);
  return left instanceof List ? new List(all) : new Tuple(all);
}

/** A value as %-formats and format specifications have it: flags, width, digits, kind. */
function written(value: Value, flags: string, width: number, digits: number | undefined, kind: string): string {
  made(width, 'text');
  const text = plain(value, flags, digits, kind);
  made(text.length, 'text');
  if (flags.includes('-') || flags.includes('<')) return text.padEnd(width);
  const isNumber = typeof value === 'number' || typeof value === 'boolean';
  if (flags.includes('0') && isNumber) {
    const [, sign = '', rest = ''] = /^([-+ ]?)(.*)$/s.exec(text) ?? [];
    return sign + rest.padStart(width - sign.length, '0');
  }
  return text.padStart(width);
}

function plain(value: Value, flags: string, digits: number | undefined, kind: string): string {
  const sign = (text: string) => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : text);
  switch (kind) {
    case 'd':
    case 'i':
    case 'u':
      return sign(String(Math.trunc(number(value))));
    case 'f':
      return sign(number(value).toFixed(Math.min(digits ?? 6, 100)));
    case 'e':
      return sign(
        number(value)
          .toExponential(Math.min(digits ?? 6, 100))
          .replace(/e([-+])(\d)$/, 'e$10$2'),
      );
    case 'x':
    case 'X': {
      const text = (flags.includes('#') ? '0x' : '') + Math.trunc(number(value)).toString(16);
      return kind === 'X' ? text.toUpperCase() : text;
    }
    case 'r':
      return quoted(value);
    default:
      return digits === undefined ? shown(value) : shown(value).slice(0, digits);
  }
}

/** "cwnd=%d" % 10, and with names "%(cwnd)d" % {...} */
function formatted(format: string, given: Value): string {
  const values = given instanceof Tuple ? given.items : [given];
  let next = 0;
  let isNamed = false;
  const text = format.replace(
    /%(?:(%)|(?:\((\w+)\))?([-+ 0#]*)([1-9]\d*)?(?:\.(\d+))?[lh]?(.|$))/gs,
    (_, percent, name, flags: string, width, digits, kind: string) => {
      if (percent) return '%';
      if (!'dsrfxXiue'.includes(kind) || kind === '') throw new ScriptError(`code: there is no format %${kind}`);
      if (name !== undefined) isNamed = true;
      const value = name === undefined ? values[next++] : given instanceof Dict ? given.get(name) : undefined;
      if (value === undefined) throw new ScriptError('code: not enough values for the format');
      return written(value, flags, Number(width ?? 0), digits === undefined ? undefined : Number(digits), kind);
    },
  );
  if (next < values.length && !isNamed) throw new ScriptError('code: not all values have a place in the format');
  return text;
}

/** As format() and f-strings have it: "08.3f", ">10", "x". */
export function specified(value: Value, specification: string): string {
  const [all, align = '', sign = '', hash = '', zero = '', width, digits, kind] =
    /^([<>]?)([-+]?)(#?)(0?)(\d+)?(?:\.(\d+))?([dsfxXe]?)$/.exec(specification) ?? [];
  if (all === undefined) throw new ScriptError(`code: the format "${specification}" is not understood`);
  const isText = typeof value === 'string';
  const flags = `${align || (isText ? '<' : '')}${sign === '+' ? '+' : ''}${hash}${zero}`;
  const one = kind || (typeof value === 'number' && digits !== undefined ? 'f' : 's');
  return written(value, flags, Number(width ?? 0), digits === undefined ? undefined : Number(digits), one);
}
