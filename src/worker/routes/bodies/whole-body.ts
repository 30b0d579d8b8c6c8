/** JSON bodies, which are held in memory whole: read before the handler, within limits. */

import type { MiddlewareHandler } from 'hono';
import { heldJsonIn, textOf } from '../../bodies/json.ts';
import type { Env } from '../env.ts';

const JSON_TYPE = /^application\/([\w.-]+\+)?json\b/i;

/** What it parses is what validators find. Bodies of other media types are left to whoever wants them. */
export const wholeBody: MiddlewareHandler<Env> = async (c, next) => {
  if (c.req.raw.body !== null && JSON_TYPE.test(c.req.header('content-type') ?? '')) {
    const text = await textOf(c.req.raw.body, c.var.memory);
    const value = await heldJsonIn(text, 'the body', c.var.memory);
    c.req.json = <T>() => Promise.resolve(value as T);
  }
  await next();
};
