/** A Worker as it is deployed: with tokens, and whatever else its owner binds. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { Scope } from '../../src/worker/access/principal.ts';
import { newId, newToken, sha256Hex } from '../../src/worker/access/token.ts';
import { app } from '../../src/worker/app.ts';
import type { Fetch } from './harness.ts';

/** The answer once all of it has been taken and all work for it has ended. */
async function whole(request: Request, bindings: Cloudflare.Env): Promise<Response> {
  const context = createExecutionContext();
  const response = await app.fetch(request, bindings, context);
  const body = response.body === null ? null : await response.arrayBuffer();
  await waitOnExecutionContext(context);
  return new Response(body, response);
}

export const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

export interface Row {
  readonly scopes: readonly Scope[];
  readonly images?: readonly string[];
  readonly expires?: string;
}

/** A Worker as it is deployed, with these tokens in its binding; and the tokens. */
export async function deployed(bindings: Partial<Cloudflare.Env>, ...rows: readonly Row[]) {
  const made = await Promise.all(
    rows.map(async (row) => {
      const id = newId(random);
      const token = newToken(id, random);
      return { token, row: { id, sha256: await sha256Hex(token), ...row } };
    }),
  );
  const TOKENS = made.length > 0 ? { TOKENS: JSON.stringify(made.map(({ row }) => row)) } : {};
  const send: Fetch = (request) => whole(request, { ...env, OPEN: '', ...TOKENS, ...bindings });
  return { send, tokens: made.map(({ token }) => token) };
}

export const asked = (token: string | undefined, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), ...(token && { authorization: `Bearer ${token}` }) },
});
