/** JSON lines in and out, with back-pressure: nothing is read before what came of the lines before it is written. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Sink } from '../../archive/chunk-writer.ts';
import { HostError } from '../../errors/host-error.ts';
import { jsonPath } from '../../errors/json-path.ts';

export const NDJSON = 'application/x-ndjson';

export const isNdjson = (c: Context): boolean =>
  /^application\/(x-)?ndjson\b/i.test(c.req.header('content-type') ?? '');

/** A line may hold an image. */
const MAX_LINE_BYTES = 16 * 2 ** 20;
/** Lines are sent in pieces of about so many characters. */
const PIECE_CHARS = 32_768;
const NEWLINE = 10;

export interface NumberedLine {
  /** From 1. */
  readonly number: number;
  readonly value: unknown;
}

/** Values of the lines of `body`; empty lines are skipped. `beforeWaiting` runs whenever the next chunk is not there yet. */
export async function* parseLines(
  body: ReadableStream<Uint8Array> | null,
  beforeWaiting: () => Promise<void>,
): AsyncGenerator<NumberedLine> {
  if (body === null) return;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const parse = (bytes: Uint8Array): unknown => {
    try {
      return JSON.parse(decoder.decode(bytes));
    } catch {
      throw new HostError('invalid-request', `line ${number} is not JSON`);
    }
  };
  let number = 0;
  let rest = new Uint8Array(0);
  const reader = body.getReader();
  for (;;) {
    await beforeWaiting();
    const { value: chunk, done } = await reader.read();
    if (done) break;
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = rest.length > 0 ? joined(rest, chunk.subarray(from, end)) : chunk.subarray(from, end);
      rest = new Uint8Array(0);
      from = end + 1;
      number++;
      if (!isBlank(line)) yield { number, value: parse(line) };
    }
    rest = joined(rest, chunk.subarray(from));
    if (rest.length > MAX_LINE_BYTES)
      throw new HostError('body-too-large', `a line has at most ${MAX_LINE_BYTES} bytes`);
  }
  number++;
  if (!isBlank(rest)) yield { number, value: parse(rest) };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

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
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({ in: place, path: jsonPath(path), message }));
  const detail = errors.map((error) => `${error.in} ${error.path}: ${error.message}`).join('; ');
  throw new HostError('invalid-request', detail, { members: { errors } });
}

/** The same of JSON text. */
export function parsed<T extends z.ZodType>(schema: T, place: string, text: string): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HostError('invalid-request', `${place} is not JSON`);
  }
  return validated(schema, place, value);
}
