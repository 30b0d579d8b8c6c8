/** JSON lines in and out, with back-pressure: nothing is read before what came of the lines before it is written. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { readAs } from '../../../api/invalid/invalid.ts';
import type { Sink } from '../../../archive/chunk-writer.ts';
import { Gathered } from '../../../bytes/gathered.ts';
import { HostError } from '../../../errors/host-error.ts';
import { mistakes } from '../../../errors/mistakes.ts';
import type { Hold } from '../../bodies/budget.ts';
import { broken, jsonIn } from '../../bodies/json.ts';
import { noteRead } from '../../bodies/read-bytes.ts';
import { StallWatch } from '../../bodies/stall.ts';

export const NDJSON = 'application/x-ndjson';

export const isNdjson = (c: Context): boolean =>
  /^application\/(x-)?ndjson\b/i.test(c.req.header('content-type') ?? '');

/** A line may hold an image. */
const MAX_LINE_BYTES = 16 * 2 ** 20;
/** A line that has begun has to grow by so much within the time that a client may do nothing, or to end. */
const STEP_BYTES = 16 * 1024;
/** Lines are sent in pieces of about so many characters. */
const PIECE_CHARS = 32_768;
const NEWLINE = 10;

export interface NumberedLine {
  /** From 1. */
  readonly number: number;
  readonly value: unknown;
}

/**
 * Values of the lines of `body`; empty lines are skipped. `beforeWaiting` runs whenever the next chunk is not there yet.
 * What is held of a line that has not ended counts as `memory`. `maxBytes` is for those who keep all lines.
 */
export async function* parseLines(
  body: ReadableStream<Uint8Array> | null,
  memory: Hold,
  beforeWaiting: () => Promise<void>,
  maxBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<NumberedLine> {
  if (body === null) return;
  let number = 0;
  /** Of the line that has begun. */
  const held = new Gathered();
  let total = 0;
  /** Of what is held, when the client last got on. */
  let heldBefore = 0;
  let gotOn = true;
  const watch = new StallWatch();
  const reader = body.getReader();
  try {
    for (;;) {
      await beforeWaiting();
      const { value: chunk, done } = await watch.wait(reader.read(), gotOn).catch(broken);
      if (done) break;
      total += chunk.length;
      noteRead(body, chunk.length);
      if (total > maxBytes) throw new HostError('body-too-large', `all lines have at most ${maxBytes} bytes`);
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        const rest = chunk.subarray(from, end);
        const line = joined(held, rest, memory);
        from = end + 1;
        number++;
        if (!isBlank(line)) yield { number, value: lineValue(line, number) };
      }
      gotOn = isStep(from, held.length + chunk.length - heldBefore);
      if (from > 0) heldBefore = 0;
      if (from === chunk.length) continue;
      const rest = chunk.subarray(from);
      if (held.length + rest.length > MAX_LINE_BYTES) {
        throw new HostError('body-too-large', `a line has at most ${MAX_LINE_BYTES} bytes`);
      }
      await memory.take(rest.length);
      held.add(rest);
      if (gotOn) heldBefore = held.length;
    }
    const line = joined(held, new Uint8Array(0), memory);
    number++;
    if (!isBlank(line)) yield { number, value: lineValue(line, number) };
  } finally {
    watch.end();
    memory.give(held.length);
    reader.releaseLock();
  }
}

/** The line that ends with `rest`, which is no more held. */
function joined(held: Gathered, rest: Uint8Array, memory: Hold): Uint8Array {
  if (held.length === 0) return rest;
  memory.give(held.length);
  held.add(rest);
  return held.take();
}

function lineValue(line: Uint8Array, number: number): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(line);
  } catch (cause) {
    throw new HostError('invalid-request', `line ${number} is not UTF-8, as JSON has to be`, { cause });
  }
  return jsonIn(text, `line ${number}`);
}

/** Whether lines ended, or one has grown by enough. */
const isStep = (endedBytes: number, grownBytes: number): boolean => endedBytes > 0 || grownBytes >= STEP_BYTES;

const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);

export interface LineWriter {
  /** Await what it answers, if anything. */
  line(value: unknown): void | Promise<void>;
  flush(): Promise<void>;
}

export function lineWriter(sink: Sink): LineWriter {
  let piece = '';
  const flush = async () => {
    if (piece === '') return;
    const bytes = new TextEncoder().encode(piece);
    piece = '';
    await sink(bytes);
  };
  return {
    line(value) {
      piece += `${JSON.stringify(value)}\n`;
      return piece.length >= PIECE_CHARS ? flush() : undefined;
    },
    flush,
  };
}

/** `value` as `schema` has it; `place` is where it stood. */
export function validated<T extends z.ZodType>(schema: T, place: string, value: unknown): z.output<T> {
  const read = readAs(schema, value);
  if ('data' in read) return read.data;
  const errors = read.invalid.map(({ path, message }) => ({ in: place, path, message }));
  throw mistakes('invalid-request', errors, (error) => `${error.in} ${error.path}: ${error.message}`);
}

/** The same of JSON text. */
export function parsed<T extends z.ZodType>(schema: T, place: string, text: string): z.output<T> {
  return validated(schema, place, jsonIn(text, place));
}
