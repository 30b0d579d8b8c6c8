/** A router whose handlers find the jobs in their context and whose invalid requests become problems. */

import { OpenAPIHono } from '@hono/zod-openapi';
import type { Env } from './env.ts';
import { onInvalid } from './problem.ts';

export const router = () => new OpenAPIHono<Env>({ defaultHook: onInvalid });

/** The router's types have no response of two media types. */
export const untyped = (response: Response): never => response as never;
