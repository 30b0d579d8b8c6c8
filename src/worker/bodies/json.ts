/** JSON bodies: read whole, within a limit of size and one of time, counted while they are held, and told where they are not JSON. */

import { type JsonShape, MAX_JSON_DEPTH, shapeOf } from '../../bytes/json-shape.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Hold } from './budget.ts';
import { placeOfMistake } from './json-place.ts';
import { noteRead } from './read-bytes.ts';
import { StallWatch } from './stall.ts';

export const MAX_JSON_BYTES = 16 * 2 ** 20;
/** A batch of 100,000 calls has some 500,000. */
export const MAX_JSON_VALUES = 500_000;
/** What each takes at least once it is parsed, beside the text. */
const VALUE_BYTES = 24;
/** So much at least has to come within the time that a client may do nothing: drops keep no memory for days. */
const STEP_BYTES = 16 * 1024;

/** The text of a body. Rejects with `body-too-large`, `body-interrupted`, `client-too-slow`, `invalid-request` or `service-busy`. */
export async function textOf(body: ReadableStream<Uint8Array> | null, hold: Hold): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader({ mode: 'byob' });
  const watch = new StallWatch();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let text = '';
  let bytes = 0;
  try {
    for (;;) {
      const step = reader.readAtLeast(STEP_BYTES, new Uint8Array(STEP_BYTES));
      const { value, done } = await watch.wait(step).catch(broken);
      if (value && value.length > 0) {
        bytes += value.length;
        noteRead(body, value.length);
        if (bytes > MAX_JSON_BYTES) throw new HostError('body-too-large', `JSON has at most ${MAX_JSON_BYTES} bytes`);
        await hold.take(value.length);
        text += decoded(decoder, value);
      }
      if (done) return text + decoded(decoder);
    }
  } finally {
    watch.end();
    reader.releaseLock();
  }
}

export function broken(cause: unknown): never {
  if (cause instanceof HostError) throw cause;
  throw new HostError('body-interrupted', undefined, { cause });
}

function decoded(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
  } catch (cause) {
    throw new HostError('invalid-request', 'the body is not UTF-8, as JSON has to be', { cause });
  }
}

/** To look at a longer text takes milliseconds, each time: others have their turns between. */
const LONG_CHARS = 2 ** 18;

/** Its value, counted as what it takes once it is parsed. */
export async function heldJsonIn(text: string, what: string, hold: Hold): Promise<unknown> {
  const isLong = text.length > LONG_CHARS;
  const { values } = shapeWithin(text, what);
  if (isLong) await scheduler.wait(0);
  await hold.take(VALUE_BYTES * values);
  const value = parsedText(text, what);
  if (isLong) await scheduler.wait(0);
  return value;
}

/** Its value; `invalid-request` with the place where it stops to be JSON. `what` it is, for people. */
export function jsonIn(text: string, what: string): unknown {
  shapeWithin(text, what);
  return parsedText(text, what);
}

function shapeWithin(text: string, what: string): JsonShape {
  const shape = shapeOf(text);
  if (shape.depth > MAX_JSON_DEPTH) {
    throw new HostError('invalid-request', `${what} is nested more than ${MAX_JSON_DEPTH} deep`);
  }
  if (shape.values > MAX_JSON_VALUES) {
    const detail = `${what} has ${shape.values} values, and at most ${MAX_JSON_VALUES} are taken: calls can be sent as lines (application/x-ndjson)`;
    throw new HostError('body-too-large', detail);
  }
  return shape;
}

function parsedText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (text.trim() === '') throw new HostError('invalid-request', `${what} is empty, not JSON`, { cause });
    throw new HostError('invalid-request', `${what} is not JSON: ${reasonIn(cause, text)}`, { cause });
  }
}

/** Of longer texts only the engine's own reason is told: looking for the place takes as long as parsing. */
const MAX_SEARCHED = 2 ** 20;

function reasonIn(cause: unknown, text: string): string {
  if (text.length > MAX_SEARCHED) return cause instanceof Error ? cause.message : 'it cannot be parsed';
  const { index, wanted } = placeOfMistake(text);
  const before = text.slice(0, index);
  const line = before.split('\n').length;
  const column = index - (before.lastIndexOf('\n') + 1) + 1;
  const found = index < text.length ? JSON.stringify(text.slice(index, index + 1)) : 'the end';
  return `${found} where ${wanted} should be, at line ${line}, column ${column}`;
}
