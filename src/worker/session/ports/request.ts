/** A request for a port of a session, and its answer, on their way through the session's object. */

import { ToldError } from '../../../errors/problem.ts';
import type { Outcome } from '../rpc.ts';
import type { PortRequest } from './proxy.ts';

/** `/v1/sessions/{id}/ports/{port}/…` */
const PATH = /^(\/v1\/sessions\/[^/]+\/ports\/(\d+))(\/.*)$/;
/** What is no answer of a server has it; servers cannot send it. */
const PROBLEM = 'lkl-problem';

/** Undefined: it is for no port. */
export function portRequest(request: Request): PortRequest | undefined {
  const { pathname, search } = new URL(request.url);
  const [, prefix, port, path] = PATH.exec(pathname) ?? [];
  if (prefix === undefined || path === undefined) return undefined;
  return { request, port: Number(port), target: path + search, prefix };
}

/** Errors lose their class on the way: a problem goes as JSON. */
export function portAnswer(answer: Outcome<Response>): Response {
  if ('value' in answer) return answer.value;
  return Response.json(answer.problem, { status: 500, headers: { [PROBLEM]: '1' } });
}

/** In the Worker. A server's answer is its own, whatever it is. */
export async function toldPort(answer: Response): Promise<Response> {
  if (answer.headers.has(PROBLEM)) throw new ToldError(await answer.json());
  const { status, statusText, headers, webSocket } = answer;
  if (webSocket) return new Response(null, { status, headers, webSocket });
  return new Response(answer.body, {
    status,
    statusText,
    headers,
    encodeBody: headers.has('content-encoding') ? 'manual' : 'automatic',
  });
}
