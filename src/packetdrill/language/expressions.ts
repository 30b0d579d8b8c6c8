/** Arguments and results of system calls in a script. */

import type { Scanner } from './scanner.ts';
import type { Expression, StructField } from './script.ts';

const WORD = /[A-Za-z_][A-Za-z0-9_]*/;
const NUMBER = /-?(?:0x[0-9a-fA-F]+|\d+)/;

export const expression = (scanner: Scanner): Expression => scanner.depth.within(() => words(scanner));

function words(scanner: Scanner): Expression {
  const first = simple(scanner);
  if (!scanner.looksAt('|')) return first;
  const all = [wordsIn(first, scanner)];
  while (scanner.is('|')) all.push(wordsIn(simple(scanner), scanner));
  return { kind: 'words', text: all.join('|') };
}

function wordsIn(one: Expression, scanner: Scanner): string {
  if (one.kind === 'words') return one.text;
  if (one.kind === 'number') return String(one.value);
  throw scanner.wrong('a constant beside "|"');
}

function simple(scanner: Scanner): Expression {
  if (scanner.is('...')) return { kind: 'ellipsis' };
  const number = scanner.take(NUMBER);
  if (number)
    return { kind: 'number', value: Number(number[0].startsWith('-') ? -Number(number[0].slice(1)) : number[0]) };
  if (scanner.is('~')) return { kind: 'words', text: `~${scanner.mustTake(WORD, 'a constant')[0]}` };
  const string = scanner.take(/"((?:[^"\\]|\\.)*)"/);
  if (string) return { kind: 'string', text: unescaped(string[1] ?? '') };
  if (scanner.is('[')) return { kind: 'list', items: listTo(scanner, ']') };
  if (scanner.is('{')) return { kind: 'struct', fields: fields(scanner) };
  if (scanner.is('(')) {
    const inner = expression(scanner);
    scanner.must(')');
    return inner;
  }
  const word = scanner.mustTake(WORD, 'a value')[0];
  if (!scanner.is('(')) return { kind: 'words', text: word };
  return { kind: 'call', name: word, args: listTo(scanner, ')') };
}

/** Expressions separated by commas, to the closing mark. */
export function listTo(scanner: Scanner, end: string): Expression[] {
  const items: Expression[] = [];
  while (!scanner.is(end)) {
    items.push(expression(scanner));
    if (!scanner.looksAt(end)) scanner.must(',');
  }
  return items;
}

function fields(scanner: Scanner): StructField[] {
  const found: StructField[] = [];
  while (!scanner.is('}')) {
    found.push(field(scanner));
    if (!scanner.looksAt('}')) scanner.must(',');
  }
  return found;
}

function field(scanner: Scanner): StructField {
  const named = scanner.take(/([A-Za-z_][A-Za-z0-9_]*)\s*(?==(?!=)|\([^(){}]*\)\s*=)/);
  if (!named) return { name: '', value: expression(scanner) };
  let size: Expression | undefined;
  if (scanner.is('(')) {
    size = expression(scanner);
    scanner.must(')');
  }
  scanner.must('=');
  return { name: named[1] ?? '', ...(size && { size }), value: expression(scanner) };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

const unescaped = (text: string): string =>
  text.replace(/\\x([0-9a-fA-F]{2})|\\(.)/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
