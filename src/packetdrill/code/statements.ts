/** Statements of Python, in lines and in blocks of lines. */

import { ScriptError } from '../language/script-error.ts';
import { binary } from './arithmetic.ts';
import { closure, type Expression, expression, expressions, parameters, targets } from './expressions.ts';
import type { Reader } from './reader.ts';
import type { Scope } from './scope.ts';
import {
  bounded,
  Dict,
  items,
  List,
  Module,
  quoted,
  shown,
  spend,
  string,
  truth,
  type Value,
  whole,
} from './values.ts';

/** How a statement ended, where the next one is not to come. */
type End = 'break' | 'continue' | { readonly value: Value } | undefined;
export type Statement = (scope: Scope) => End;

/** An assertion that did not hold. */
export class AssertionFailed extends Error {}

/** Where statements stand: what may be in it. */
interface Inside {
  readonly isLoop: boolean;
  readonly isFunction: boolean;
}

const refused: ReadonlySet<string> = new Set('class with try raise yield async await nonlocal exec'.split(' '));
const AUGMENTED = /^(?:\*\*|\/\/|<<|>>|[-+*/%&|^])=$/;

/** All of a piece of code. */
export function program(reader: Reader): Statement {
  const all: Statement[] = [];
  while (reader.next.kind !== 'end') {
    if (reader.next.kind === 'newline') reader.take();
    else all.push(statement(reader, { isLoop: false, isFunction: false }));
  }
  return sequence(all);
}

const sequence =
  (all: readonly Statement[]): Statement =>
  (scope) => {
    for (const one of all) {
      scope.step();
      const end = one(scope);
      if (end !== undefined) return end;
    }
    return undefined;
  };

function statement(reader: Reader, inside: Inside): Statement {
  return reader.depth.within(() => {
    const { kind, text, column } = reader.next;
    if (kind === 'name') {
      if (refused.has(text)) throw new ScriptError(`code: Python's "${text}" is not supported`);
      const compound = Object.hasOwn(compounds, text) ? compounds[text] : undefined;
      if (compound) {
        reader.take();
        return compound(reader, inside, column);
      }
    }
    const found = simple(reader, inside);
    const { kind: end, text: rest } = reader.next;
    if (end !== 'newline' && end !== 'end') throw new ScriptError(`code: "${rest}" was not expected`);
    return found;
  });
}

/** Behind a colon: statements of the same line, or lines that stand further in. */
function block(reader: Reader, inside: Inside, header: number | undefined): Statement {
  reader.must(':');
  if (reader.next.kind !== 'newline') return line(reader, inside);
  const all: Statement[] = [];
  const column = nextLine(reader);
  if (column <= (header ?? -1) || column < 0)
    throw new ScriptError('code: a block that stands further in was expected');
  for (;;) {
    all.push(statement(reader, inside));
    const before = reader.place;
    const next = nextLine(reader, column);
    if (next === column) continue;
    if (next > column) throw new ScriptError(`code: a line stands further in at "${reader.next.text}"`);
    reader.back(before);
    return sequence(all);
  }
}

/** Statements with semicolons between them. */
function line(reader: Reader, inside: Inside): Statement {
  const all: Statement[] = [];
  do {
    all.push(statement(reader, inside));
    if (reader.next.kind === 'newline' && reader.next.text === ';') reader.take();
    else break;
  } while (reader.next.kind !== 'newline' && reader.next.kind !== 'end');
  return sequence(all);
}

/** Where the next line that has something begins; of what follows a semicolon, where its line does. */
function nextLine(reader: Reader, same = -1): number {
  let isSame = true;
  while (reader.next.kind === 'newline') if (reader.take().text === '\n') isSame = false;
  return isSame && reader.next.kind !== 'end' ? same : (reader.next.column ?? -1);
}

/** Whether `word` goes on with a statement whose line began at `header`. */
function goesOn(reader: Reader, word: string, header: number | undefined): boolean {
  const before = reader.place;
  const column = nextLine(reader, header);
  if (reader.sees(word) && (header === undefined || column === header)) {
    reader.take();
    return true;
  }
  reader.back(before);
  return false;
}

type Compound = (reader: Reader, inside: Inside, header: number | undefined) => Statement;

const conditional: Compound = (reader, inside, header) => {
  const holds = expression(reader);
  const then = block(reader, inside, header);
  let otherwise: Statement | undefined;
  if (goesOn(reader, 'elif', header)) otherwise = reader.depth.within(() => conditional(reader, inside, header));
  else if (goesOn(reader, 'else', header)) otherwise = block(reader, inside, header);
  return (scope) => (truth(holds(scope)) ? then(scope) : otherwise?.(scope));
};

/** `next` makes ready for a round, or says that there is none. A loop's else is for when it was not broken off. */
function loop(next: () => boolean, body: Statement, otherwise: Statement | undefined, scope: Scope): End {
  while (next()) {
    scope.step();
    const end = body(scope);
    if (end === 'break') return undefined;
    if (typeof end === 'object') return end;
  }
  return otherwise?.(scope);
}

const whileLoop: Compound = (reader, inside, header) => {
  const holds = expression(reader);
  const body = block(reader, { ...inside, isLoop: true }, header);
  const otherwise = goesOn(reader, 'else', header) ? block(reader, inside, header) : undefined;
  return (scope) => loop(() => truth(holds(scope)), body, otherwise, scope);
};

const forLoop: Compound = (reader, inside, header) => {
  const target = targets(reader);
  reader.must('in');
  const all = expressions(reader);
  const body = block(reader, { ...inside, isLoop: true }, header);
  const otherwise = goesOn(reader, 'else', header) ? block(reader, inside, header) : undefined;
  return (scope) => {
    const through = items(all(scope));
    let at = 0;
    const next = () => {
      if (at >= through.length) return false;
      target(scope, through[at++] ?? null);
      return true;
    };
    return loop(next, body, otherwise, scope);
  };
};

const definition: Compound = (reader, _, header) => {
  const name = reader.name();
  reader.must('(');
  const wanted = parameters(reader, ')');
  const body = block(reader, { isLoop: false, isFunction: true }, header);
  return (scope) => {
    scope.set(
      name,
      closure(name, wanted, scope, (inner) => {
        const end = body(inner);
        return typeof end === 'object' ? end.value : null;
      }),
    );
    return undefined;
  };
};

const compounds: Readonly<Record<string, Compound>> = {
  if: conditional,
  while: whileLoop,
  for: forLoop,
  def: definition,
};

function simple(reader: Reader, inside: Inside): Statement {
  const { kind, text } = reader.next;
  const work = kind === 'name' && Object.hasOwn(simples, text) ? simples[text] : undefined;
  if (!work) return assignment(reader);
  reader.take();
  return work(reader, inside);
}

const valued =
  (value: Expression): Statement =>
  (scope) => {
    value(scope);
    return undefined;
  };

/** a = b = 1, a, b = 1, 2, a += 1; or an expression for what it does. */
function assignment(reader: Reader): Statement {
  const before = reader.place;
  const value = expressions(reader);
  const { kind, text } = reader.next;
  if (kind !== 'mark' || (text !== '=' && !AUGMENTED.test(text))) return valued(value);
  reader.back(before);
  const first = targets(reader);
  if (text !== '=') {
    reader.take();
    const by = expressions(reader);
    const operator = text.slice(0, -1);
    return (scope) => {
      const left = value(scope);
      const right = by(scope);
      // A list is itself the longer one.
      if (operator === '+' && left instanceof List) for (const one of [...items(right)]) bounded(left.items.push(one));
      else first(scope, binary(operator, left, right));
      return undefined;
    };
  }
  const all = [first];
  for (;;) {
    reader.must('=');
    const at = reader.place;
    const last = expressions(reader);
    if (!reader.sees('='))
      return (scope) => {
        const found = last(scope);
        for (const one of all) one(scope, found);
        return undefined;
      };
    reader.back(at);
    all.push(targets(reader));
  }
}

type Simple = (reader: Reader, inside: Inside) => Statement;

const simples: Readonly<Record<string, Simple>> = {
  pass: () => () => undefined,

  assert(reader) {
    const from = reader.place;
    const holds = expression(reader);
    const text = reader.textSince(from);
    const message = reader.is(',') ? expression(reader) : undefined;
    return (scope) => {
      if (truth(holds(scope))) return undefined;
      throw new AssertionFailed(`AssertionError: ${message === undefined ? text : shown(message(scope))}`);
    };
  },

  /** As a function, and as the statement that it was. */
  print(reader) {
    const before = reader.place;
    if (reader.is('(')) {
      const found = printed(reader);
      const { kind } = reader.next;
      if (found && (kind === 'newline' || kind === 'end')) return found;
      reader.back(before);
    }
    if (reader.sees('>>')) throw new ScriptError('code: print goes to one place only');
    const parts: Expression[] = [];
    while (reader.next.kind !== 'newline' && reader.next.kind !== 'end') {
      parts.push(expression(reader));
      if (!reader.is(',')) break;
    }
    return (scope) => {
      scope.print(parts.map((part) => shown(part(scope))).join(' '));
      return undefined;
    };
  },

  import(reader) {
    const names = [dotted(reader)];
    while (reader.is(',')) names.push(dotted(reader));
    return (scope) => {
      for (const name of names) scope.set(name, new Module(name));
      return undefined;
    };
  },

  from() {
    throw new ScriptError('code: Python\'s "from" is not supported');
  },

  return(reader, { isFunction }) {
    if (!isFunction) throw new ScriptError('code: "return" outside of a function');
    const { kind } = reader.next;
    const value = kind === 'newline' || kind === 'end' ? () => null : expressions(reader);
    return (scope) => ({ value: value(scope) });
  },

  break: (_, { isLoop }) => ending('break', isLoop),
  continue: (_, { isLoop }) => ending('continue', isLoop),

  global(reader) {
    const names = [reader.name()];
    while (reader.is(',')) names.push(reader.name());
    return (scope) => {
      for (const name of names) scope.share(name);
      return undefined;
    };
  },

  del(reader) {
    const name = reader.name();
    if (!reader.is('['))
      return (scope) => {
        scope.delete(name);
        return undefined;
      };
    const index = expressions(reader);
    reader.must(']');
    return (scope) => {
      remove(scope.look(name), index(scope));
      return undefined;
    };
  },
};

function ending(end: 'break' | 'continue', isLoop: boolean): Statement {
  if (!isLoop) throw new ScriptError(`code: "${end}" outside of a loop`);
  return () => end;
}

function dotted(reader: Reader): string {
  let name = reader.name();
  while (reader.is('.')) name += `.${reader.name()}`;
  if (reader.is('as')) name = reader.name();
  return name;
}

/** Behind "print(". Undefined: it is the statement, with something in brackets at its beginning. */
function printed(reader: Reader): Statement | undefined {
  const parts: Expression[] = [];
  let between: Expression = () => ' ';
  while (!reader.is(')')) {
    const { kind, text } = reader.next;
    if (kind === 'name' && reader.ahead(1).kind === 'mark' && reader.ahead(1).text === '=') {
      if (text !== 'sep') throw new ScriptError(`code: print has no ${text} here`);
      reader.take();
      reader.take();
      between = expression(reader);
    } else parts.push(expression(reader));
    if (reader.is(',')) continue;
    if (!reader.is(')')) return undefined;
    break;
  }
  return (scope) => {
    scope.print(parts.map((part) => shown(part(scope))).join(string(between(scope))));
    return undefined;
  };
}

function remove(of: Value, index: Value): void {
  if (of instanceof Dict) {
    if (of.get(index) === undefined) throw new ScriptError(`code: there is no key ${quoted(index)}`);
    of.delete(index);
    return;
  }
  if (!(of instanceof List)) throw new ScriptError(`code: ${quoted(of)} has no elements that could go`);
  const at = whole(index) < 0 ? whole(index) + of.items.length : whole(index);
  if (at < 0 || at >= of.items.length) throw new ScriptError(`code: there is no element ${whole(index)}`);
  spend(of.items.length - at);
  of.items.splice(at, 1);
}
