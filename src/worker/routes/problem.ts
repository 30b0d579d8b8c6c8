/** Problem documents (RFC 9457) as the routes answer and describe them. */

import { type Hook, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { invalidIn } from '../../api/invalid/invalid.ts';
import { HostError } from '../../errors/host-error.ts';
import { documentOf, headersOf, PROBLEM_JSON } from '../../errors/http.ts';
import { mistakes } from '../../errors/mistakes.ts';
import { problemOf } from '../../errors/problem.ts';
import { allProblems } from '../../errors/rows.ts';
import { takesPassword } from '../access/authenticate.ts';
import type { Env } from './env.ts';

export const problem = z
  .looseObject({
    type: z.string().openapi({ description: 'Names the kind of problem; `about:blank` when the status says it all.' }),
    title: z.string().openapi({ description: 'What the kind of problem means.', example: 'no file system was found' }),
    status: z.int().min(400).max(599).openapi({ description: 'That of the answer.', example: 422 }),
    detail: z.string().optional().openapi({ description: 'What happened this time.' }),
    errno: z.string().optional().openapi({ description: "Linux's name of the error.", example: 'ENOENT' }),
    console: z.string().optional().openapi({ description: "The end of the kernel's log, of a kernel that died." }),
    errors: z
      .array(z.object({ in: z.string(), path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'What is not valid in the request, and where.' }),
  })
  .openapi('Problem');

type ProblemJson = z.infer<typeof problem>;

const described: Record<number, string> = {
  400: 'The request is not valid.',
  401: 'The request does not say who makes it, or what it says is not good.',
  403: 'Whoever makes the request may not do this, or Linux does not permit it.',
  404: 'There is no such thing.',
  408: 'The client did nothing for too long.',
  409: 'The image changed meanwhile or is in use, a kernel cannot be stored as it is, or a program in a session prevents it.',
  410: 'The kernel is no more.',
  411: 'The body needs a Content-Length.',
  412: 'The image is not in the state the request asks for.',
  413: 'The image is larger than it may be.',
  415: 'The body is of a media type or content coding that is not accepted.',
  416: 'The range lies outside the file.',
  422: 'What was sent cannot be read as what it should be.',
  429: 'Too many requests, kernels, sessions, stored bytes or writes to one image: `Retry-After` says when to come back.',
};

/** Entries of a route's `responses` for the statuses it may answer besides 5xx. */
export function problemResponses<const Status extends number>(...statuses: readonly Status[]) {
  const response = (description: string) => ({ description, content: { [PROBLEM_JSON]: { schema: problem } } });
  const entries = statuses.map((status) => [status, response(described[status] ?? `Status ${status}.`)] as const);
  return { ...Object.fromEntries(entries), default: response('The kernel or the host failed, or is overloaded.') };
}

/** The same in a document that has been made, where schemas have become references. */
export const problemReferences = (...statuses: readonly number[]) =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: described[status] ?? `Status ${status}.`,
        content: { [PROBLEM_JSON]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );

/** The document for what was thrown. An error of no known kind is our own fault and says nothing more. */
export function documentOfThrown(error: unknown): ProblemJson {
  if (error instanceof HTTPException) return blank(error.status, error.message);
  return documentOf(problemOf(error)) as ProblemJson;
}

/** The problem types this service has, with what each means. */
export const problemTypes = allProblems.map(({ name, message, status }) => ({ name, message, status }));

const phrases: Record<number, string> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
};

const blank = (status: number, detail?: string): ProblemJson => ({
  type: 'about:blank',
  title: phrases[status] ?? `Status ${status}`,
  status,
  ...(detail ? { detail } : {}),
});

function answer(c: Context<Env>, document: ProblemJson, headers: Record<string, string> = {}): Response {
  c.set('problem', document.type);
  return c.json(document, document.status as ContentfulStatusCode, { ...headers, 'content-type': PROBLEM_JSON });
}

/** For `app.onError`: the same with what a route would have taken, where a body was of another media type. */
export const errorHandler =
  (acceptedTypes: (method: string, path: string) => readonly string[]) =>
  (error: Error, c: Context<Env>): Response => {
    if (!(error instanceof HTTPException) || error.status !== 415) return onError(error, c);
    const types = acceptedTypes(c.req.method, c.req.path).join(' or ');
    const sent = c.req.header('content-type') ?? 'without a Content-Type';
    return onError(new HostError('unsupported-media-type', `the body is ${types} here, not ${sent}`), c);
  };

/** What went wrong on our side is logged; what the client did is not, least of all that it hung up. */
function onError(error: Error, c: Context<Env>): Response {
  const document = documentOfThrown(error);
  if (document.status >= 500 && !c.req.raw.signal.aborted) c.var.log(error);
  const headers = error instanceof HTTPException ? {} : headersOf(problemOf(error));
  // What asks there is no page: it shows a token as a password, once it is asked for one.
  const isAsked = document.status === 401 && takesPassword(c.req.path);
  return answer(
    c,
    document,
    isAsked ? { ...headers, 'www-authenticate': 'Basic realm="lkl", charset="UTF-8"' } : headers,
  );
}

/** For `app.notFound`: 405 where the path is known under another method. */
export function notFound(allowedMethods: (path: string) => readonly string[]): (c: Context<Env>) => Response {
  return (c) => {
    const allowed = allowedMethods(c.req.path);
    if (allowed.length === 0) return answer(c, blank(404, `nothing is at ${c.req.path}`));
    return answer(c, blank(405), { allow: allowed.join(', ') });
  };
}

/** For `defaultHook`: a request that its schema refuses. */
export const onInvalid: Hook<unknown, Env, string, unknown> = (result, c) => {
  if (result.success) return;
  const errors = invalidIn(result.error.issues).map(({ path, message }) => ({ in: result.target, path, message }));
  const words = (error: (typeof errors)[number]) => `${`${error.in} ${error.path}`.trim()}: ${error.message}`;
  return answer(c, documentOfThrown(mistakes('invalid-request', errors, words)));
};
