/** Long lists and records are looked at until a hundred things are wrong with them, not to their end. */

import type { z } from '@hono/zod-openapi';

/** What is told of one list: whoever reads more has stopped to. */
const MOST = 100;
/** Shorter ones are looked at whole. */
const LONG = 1000;

/** What zod calls the checks that are made before anything else. */
const MOST_CHECKS: readonly string[] = ['max_length', 'max_size'];

type Parse = z.core.$ZodType['_zod']['parse'];
type Payload = Parameters<Parse>[0];

const known = new WeakSet<object>();

/** Lets the event loop have a turn, after so many pieces where a schema is asked asynchronously. */
type Turn = () => Promise<unknown>;
const PIECES_A_TURN = 50;

/**
 * The same schema. zod keeps some hundred bytes for each element that is not valid, and hands them on as arguments of a call: a
 * list of a million zeros, which is 2 MB, took 160 MB and ended as a fault of ours. With `turn` others have their turns while a
 * list of 100,000 calls is looked at, a tenth of a second.
 */
export function withFewMistakes<Schema extends object>(schema: Schema, turn?: Turn): Schema {
  if (known.has(schema)) return schema;
  known.add(schema);
  if (!isSchema(schema)) {
    withFewIn(Object.values(schema), turn);
    return schema;
  }
  const { _zod: zod } = schema;
  const { def } = zod;
  if (def.type === 'array') bound(zod, piecesOfList, turn);
  if (def.type === 'record') bound(zod, piecesOfRecord, turn);
  withFewIn(Object.values(def), turn);
  return schema;
}

function withFewIn(parts: readonly unknown[], turn: Turn | undefined): void {
  for (const part of parts) if (typeof part === 'object' && part !== null) withFewMistakes(part, turn);
}

const isSchema = (value: object): value is z.core.$ZodType => '_zod' in value;

/** A part of a list or a record that can be looked at for itself, and where in a list it begins. */
interface Piece {
  readonly value: unknown;
  readonly from: number;
}

interface Pieces {
  readonly pieces: Iterable<Piece>;
  /** What came of them, one after another. */
  readonly whole: unknown;
  add(value: unknown): void;
}

function bound(
  zod: z.core.$ZodType['_zod'],
  split: (value: unknown) => Pieces | undefined,
  turn: Turn | undefined,
): void {
  const { parse } = zod;
  // One that has an end is looked at for that first.
  if (zod.def.checks?.some((check) => MOST_CHECKS.includes(check._zod.def.check))) return;
  const few: Parse = (payload, context) => {
    const found = split(payload.value);
    if (found === undefined) return parse(payload, context);
    const look = (piece: Piece) => parse({ value: piece.value, issues: [] } as unknown as Payload, context);
    if (context.async) return slowly(payload, found, look, turn);
    for (const piece of found.pieces) {
      const looked = look(piece);
      if (looked instanceof Promise) throw new Error('no schema here is asynchronous');
      if (!took(payload, found, piece, looked)) break;
    }
    payload.value = found.whole;
    return payload;
  };
  // Without checks of its own it is called by its other name.
  if (zod.run === parse) zod.run = few;
  zod.parse = few;
}

async function slowly(
  payload: Payload,
  found: Pieces,
  look: (piece: Piece) => Payload | Promise<Payload>,
  turn: Turn | undefined,
): Promise<Payload> {
  let pieces = 0;
  for (const piece of found.pieces) {
    if (!took(payload, found, piece, await look(piece))) break;
    if (++pieces % PIECES_A_TURN === 0) await turn?.();
  }
  payload.value = found.whole;
  return payload;
}

/** What came of looking at a piece; answers whether there is any use in going on. */
function took(payload: Payload, found: Pieces, piece: Piece, looked: Payload): boolean {
  found.add(looked.value);
  for (const issue of looked.issues) {
    const [first, ...rest] = issue.path ?? [];
    const path = typeof first === 'number' ? [first + piece.from, ...rest] : issue.path;
    payload.issues.push({ ...issue, ...(path && { path }) });
  }
  return payload.issues.length < MOST;
}

function piecesOfList(value: unknown): Pieces | undefined {
  if (!Array.isArray(value) || value.length <= LONG) return undefined;
  const whole: unknown[] = [];
  const pieces = function* () {
    for (let from = 0; from < value.length; from += MOST) yield { value: value.slice(from, from + MOST), from };
  };
  return {
    whole,
    pieces: pieces(),
    add(looked) {
      for (const one of looked as readonly unknown[]) whole.push(one);
    },
  };
}

function piecesOfRecord(value: unknown): Pieces | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length <= LONG) return undefined;
  const whole: Record<string, unknown> = {};
  const pieces = function* () {
    for (let from = 0; from < entries.length; from += MOST)
      yield { value: Object.fromEntries(entries.slice(from, from + MOST)), from: 0 };
  };
  return { whole, pieces: pieces(), add: (looked) => void Object.assign(whole, looked) };
}
