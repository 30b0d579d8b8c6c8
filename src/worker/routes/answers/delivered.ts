/** An answer that somebody has to get: when its client is gone, what was made for him is undone. */

import type { Context } from 'hono';
import type { Env } from '../env.ts';

/**
 * A client that closes its connection may only be done with sending: not before something was sent to it does it show that nobody
 * listens any more. So a blank goes first, which JSON allows, and so much later what is to be said.
 */
const LISTEN_MS = 5;

/** `value` as JSON; `undo` is called when nobody took it. */
export function delivered(
  c: Context<Env>,
  value: unknown,
  status: 200 | 201,
  headers: Record<string, string>,
  undo: () => Promise<void>,
): Response {
  const { signal } = c.req.raw;
  const { readable, writable } = new IdentityTransformStream();
  const send = async () => {
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    try {
      await writer.write(encoder.encode(' '));
      await scheduler.wait(LISTEN_MS);
      signal.throwIfAborted();
      const text = encoder.encode(JSON.stringify(value));
      await writer.write(text);
      await writer.close();
      c.var.meter.sentBytes += 1 + text.length;
    } catch (cause) {
      await writer.abort(cause).catch(() => {}); // there may be nobody left to tell
      await undo();
    }
  };
  c.var.keepAlive(send());
  return c.body(readable, status, { ...headers, 'content-type': 'application/json' });
}
