/** A router whose handlers find the jobs in their context and whose invalid requests become problems. */

import { OpenAPIHono, z } from '@hono/zod-openapi';
import { expected } from '../../api/invalid/expected.ts';
import type { Env } from './env.ts';
import { onInvalid } from './problem.ts';

/** Hono's validator takes no words of its own: those of the whole Worker are ours. */
z.config({ customError: (issue) => expected(issue) });

export const router = () => new OpenAPIHono<Env>({ defaultHook: onInvalid });

/** The router's types have no response of two media types. */
export const untyped = (response: Response): never => response as never;
