/** Sessions over HTTP, as a client has them. */

import { expect } from 'vitest';
import { request } from '../harness.ts';

export type Json = Record<string, unknown>;
export interface Answer extends Json {
  readonly results: readonly Json[];
}

export const json = (method: string, body?: unknown, owner = 'Bearer test'): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', authorization: owner },
  ...(body !== undefined && { body: JSON.stringify(body) }),
});

export async function expectStatus(response: Response, status: number): Promise<Json> {
  const body = status === 204 ? {} : ((await response.json()) as Json);
  expect({ status: response.status, body }).toMatchObject({ status });
  return body;
}

export async function create(options: Json = {}, owner?: string): Promise<string> {
  const session = await expectStatus(await request('/v1/sessions', json('POST', options, owner)), 201);
  return String(session.id);
}
export const at = (id: string, what = '') => `/v1/sessions/${id}${what}`;
export const run = async (id: string, body: Json) =>
  (await expectStatus(await request(at(id, '/syscalls'), json('POST', body)), 200)) as Answer;
export const suspend = async (id: string) => expectStatus(await request(at(id, '/suspend'), json('POST')), 200);
export const destroy = async (id: string) => expectStatus(await request(at(id), json('DELETE')), 204);

export const call = (name: string, ...args: unknown[]) => ({ call: name, args });
