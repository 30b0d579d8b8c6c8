/** The text of a script to its events. The language is that of packetdrill's documentation. */

import { compile } from '../code/python.ts';
import { expression, listTo } from './expressions.ts';
import { packet } from './packets.ts';
import { Scanner } from './scanner.ts';
import type { Action, CallSpec, EventTime, Expression, Script, ScriptEvent } from './script.ts';
import { ScriptError } from './script-error.ts';

/** Events a script may have. */
const MAX_EVENTS = 100_000;

/** After so many others have their turns: a script of 16 MB is read for some seconds. */
const EVENTS_A_TURN = 1000;

/** `word` is what a name was defined to be; `own` what the script itself defines it to be. Rejects with a `ScriptError` that has the line. */
export async function parseScript(
  text: string,
  word: (name: string, own: string | undefined) => string | undefined,
  turn: () => Promise<unknown>,
): Promise<Script> {
  const scanner = new Scanner(text);
  const options = new Map<string, string>();
  const defines = new Map<string, string>();
  for (;;) {
    const found = scanner.take(/--([a-z_0-9]+)(?:=|[ \t]+)?("[^"\n]*"|[^\s`"-][^\s`]*)?/);
    if (!found) break;
    const value = (found[2] ?? '').replace(/^"(.*)"$/, '$1');
    if (found[1] !== 'define') options.set(found[1] ?? '', value);
    else {
      const [, name, meaning] = /^(\w+)=(.*)$/.exec(value) ?? [];
      if (name === undefined || meaning === undefined) throw scanner.failed(`--define is NAME=VALUE, not "${value}"`);
      defines.set(name, meaning);
    }
  }
  const events: ScriptEvent[] = [];
  while (!scanner.done) {
    const { line, at } = scanner;
    const time = eventTime(scanner);
    const action = actionAt(scanner, (name) => word(name, defines.get(name)));
    events.push({ line, time, action, text: scanner.since(at) });
    if (events.length % EVENTS_A_TURN === 0) await turn();
    if (events.length > MAX_EVENTS) throw scanner.wrong(`the end after ${MAX_EVENTS} events`);
  }
  // A file that is cut off at its beginning is no script that passed.
  if (events.length === 0) throw scanner.wrong('an event');
  return { options, defines, events };
}

/** The dots of "0.100...0.200" are none of the number. */
const SECONDS = /\d+(?:\.\d+|\.(?!\.))?|\.\d+/;

function seconds(scanner: Scanner): number {
  return Math.round(Number(scanner.mustTake(SECONDS, 'a time in seconds')[0]) * 1e6);
}

function eventTime(scanner: Scanner): EventTime {
  if (scanner.looksAt('`')) return { kind: 'relative', us: 0 };
  if (scanner.is('*')) return { kind: 'any' };
  const kind = scanner.is('+') ? 'relative' : 'absolute';
  const us = seconds(scanner);
  if (!scanner.is('~')) return { kind, us };
  if (kind === 'relative') scanner.must('+');
  return { kind, us, endUs: seconds(scanner) };
}

function actionAt(scanner: Scanner, word: (name: string) => string | undefined): Action {
  if (scanner.is('`')) return { kind: 'command', text: scanner.until('`') };
  if (scanner.is('%{')) return code(scanner);
  if (scanner.is('<')) return packet(scanner, 'in', word);
  if (scanner.is('>')) return packet(scanner, 'out', word);
  return call(scanner);
}

/** Read once here, so that what is not understood is told before anything is played. */
function code(scanner: Scanner): Action {
  const { at } = scanner;
  const text = scanner.until('}%');
  try {
    return { kind: 'code', piece: compile(text) };
  } catch (cause) {
    if (!(cause instanceof ScriptError)) throw cause;
    const [line, column] = scanner.placeOf(at);
    const [down, right] = [cause.line ?? 1, cause.column ?? 1];
    throw new ScriptError(cause.message, line + down - 1, down === 1 ? column + right - 1 : right);
  }
}

/** "4", "-1", "..." for any, "100...200" for one of these. */
function resultAt(scanner: Scanner): Expression {
  const from = expression(scanner);
  if (from.kind === 'ellipsis' || !scanner.is('...')) return from;
  const to = expression(scanner);
  const isBackwards = from.kind === 'number' && to.kind === 'number' && from.value > to.value;
  if (isBackwards) throw scanner.failed(`no number is in ${from.value}...${to.value}`);
  return { kind: 'range', from, to };
}

/** "... 0.2 accept(3, ..., ...) = 4" */
function call(scanner: Scanner): CallSpec {
  const blocks = scanner.is('...');
  if (blocks) scanner.is('+');
  const endUs = blocks ? seconds(scanner) : undefined;
  const name = scanner.mustTake(/[a-z_][a-z0-9_]*/, 'a packet, a system call, a command or code')[0];
  scanner.must('(');
  const args = listTo(scanner, ')');
  scanner.must('=');
  const result = resultAt(scanner);
  const errno = scanner.take(/E[A-Z0-9]+\b/)?.[0];
  scanner.take(/\([^)\n]*\)/); // a note for people
  return {
    kind: 'call',
    name,
    args,
    result,
    ...(errno !== undefined && { errno }),
    ...(endUs !== undefined && { endUs }),
  };
}
