/** How long answers are that are made in one piece: their headers do not say it yet when they are made. */

import type { Context } from 'hono';
import type { Meter } from '../../observe/request.ts';

const encoder = new TextEncoder();

/** Text becomes bytes here, whose number is noted; what is streamed is counted by whoever writes it. */
export function countMade(c: Pick<Context, 'json' | 'text' | 'html' | 'body'>, meter: Pick<Meter, 'made'>): void {
  const { body } = c;
  const made = (data: unknown): unknown => {
    const bytes = typeof data === 'string' ? encoder.encode(data) : data;
    const isWhole = bytes instanceof Uint8Array || bytes instanceof ArrayBuffer;
    meter.made(isWhole ? bytes.byteLength : 0);
    return bytes;
  };
  const typed = (name: 'json' | 'text' | 'html', type: string, textOf: (value: never) => string) => {
    const answer = (value: never, arg?: never, headers: Record<string, string> = {}) =>
      c.body(textOf(value) as never, arg, isTyped(headers) ? headers : { ...headers, 'content-type': type });
    c[name] = answer as never;
  };
  c.body = ((data: unknown, ...rest: never[]) => body(made(data) as never, ...(rest as unknown as []))) as never;
  typed('json', 'application/json', JSON.stringify);
  typed('text', 'text/plain; charset=UTF-8', String);
  typed('html', 'text/html; charset=UTF-8', String);
}

const isTyped = (headers: Readonly<Record<string, string>>): boolean =>
  Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
