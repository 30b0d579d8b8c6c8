/** Requests to the Worker, every response of which is held against the OpenAPI document it serves. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { type Schema, Validator } from '@cfworker/json-schema';
import { app } from '../../src/worker/app.ts';

interface Media {
  readonly schema?: Schema & { readonly format?: string };
}
interface Described {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Media>>;
  readonly 'x-other-content'?: Readonly<Record<string, Media>>;
}
type Operation = { readonly responses: Readonly<Record<string, Described>> };
interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export type Fetch = (request: Request) => Promise<Response>;

/** The Worker as deployed. */
const worker: Fetch = (request) => exports.default.fetch(request);

/** The same in this isolate, with other bindings; settles when what it left running has. */
export const inProcess =
  (bindings: Partial<Cloudflare.Env> = {}): Fetch =>
  async (request) => {
    const context = createExecutionContext();
    const response = await app.fetch(request, { ...env, ...bindings }, context);
    await waitOnExecutionContext(context);
    return response;
  };

export const ORIGIN = 'http://localhost';

let loading: Promise<OpenapiDocument> | undefined;
const openapi = (): Promise<OpenapiDocument> => {
  loading ??= worker(new Request(`${ORIGIN}/openapi.json`)).then((response) => response.json());
  return loading;
};

/** The Worker's answer, which the document allows: its status, its media type, its body. */
export async function request(path: string, init: RequestInit = {}, send: Fetch = worker): Promise<Response> {
  const sent = new Request(ORIGIN + path, { redirect: 'manual', ...init });
  const document = await openapi();
  const response = await send(sent);
  const where = `${sent.method} ${path} → ${response.status}`;
  const operation = operationOf(document, sent);
  const described = operation ? responseOf(operation, response, where) : undefined;
  for (const header of Object.keys(described?.headers ?? {})) {
    if (!response.headers.has(header)) throw new Error(`${where}: no header ${header}`);
  }
  const content = operation ? { ...described?.content, ...described?.['x-other-content'] } : problemContent;
  if (sent.method === 'HEAD' || Object.keys(content).length === 0) {
    if ((await response.clone().arrayBuffer()).byteLength > 0) throw new Error(`${where}: a body where none should be`);
    return response;
  }
  const mediaType = response.headers.get('content-type')?.split(';')[0] ?? 'none';
  const media = content[mediaType];
  if (media === undefined) throw new Error(`${where}: media type ${mediaType}, not ${Object.keys(content)}`);
  if (!/[/+]json$/.test(mediaType)) return response;
  const text = await response.text();
  checkJson(document, media, JSON.parse(text), where);
  if (isNewSession(sent, response)) {
    begun.push({ id: JSON.parse(text).id, owner: sent.headers.get('authorization'), send });
  }
  return new Response(text, response);
}

const isNewSession = ({ method, url }: Request, { status }: Response): boolean =>
  method === 'POST' && status === 201 && /^\/v1\/sessions(\/[^/]+\/fork)?$/.test(new URL(url).pathname);

/** Sessions that were made since the last call of `endSessions`. */
const begun: { readonly id: string; readonly owner: string | null; readonly send: Fetch }[] = [];

/** Their kernels would wait for the next batch in memory that the isolate's other files of tests need. */
export async function endSessions(): Promise<void> {
  for (const { id, owner, send } of begun.splice(0)) {
    const headers = { ...(owner !== null && { authorization: owner }) };
    await (await send(new Request(`${ORIGIN}/v1/sessions/${id}`, { method: 'DELETE', headers }))).arrayBuffer();
  }
}

/** Until no kernel runs in the isolate, 10 s at most: requests that were given up hold theirs for some seconds. */
export async function kernelsAreGone(): Promise<void> {
  for (let asked = 0; asked < 100; asked++) {
    const { kernels } = await (await worker(new Request(`${ORIGIN}/healthz`))).json<{ readonly kernels: number }>();
    if (kernels === 0) return;
    await scheduler.wait(100);
  }
}

/** Of paths and methods the document does not have. */
const problemContent: Readonly<Record<string, Media>> = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
};

function operationOf({ paths }: OpenapiDocument, { method, url }: Request): Operation | undefined {
  const { pathname } = new URL(url);
  const found = Object.entries(paths).find(([template, item]) => {
    const pattern = template.replaceAll('.', '\\.').replace(/\{path\}$/, '.*');
    return method.toLowerCase() in item && new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname);
  });
  return found?.[1][method.toLowerCase()];
}

/** `default` is for what is not the client's fault: a 4xx must be named. HEAD has no bodies to tell them apart. */
function responseOf({ responses }: Operation, { status }: Response, where: string): Described {
  const described = responses[status] ?? (status >= 500 ? responses.default : undefined);
  if (described === undefined) throw new Error(`${where}: not in the document`);
  return described;
}

function checkJson({ components }: OpenapiDocument, { schema = {} }: Media, json: unknown, where: string): void {
  const { valid, errors } = new Validator({ ...schema, components } as Schema, '2020-12', false).validate(json);
  if (!valid)
    throw new Error(`${where}: ${errors.map((error) => `${error.instanceLocation} ${error.error}`).join('; ')}`);
}

/** The bytes of a stored image; of one that came in parts, a note under its name says where they are. */
export async function storedBytes(name: string): Promise<Uint8Array | undefined> {
  const object = await env.IMAGES.get(`images/${name}`);
  const content = object?.customMetadata?.content;
  const bytes = content === undefined ? object : await env.IMAGES.get(`contents/${content}`);
  return bytes ? new Uint8Array(await bytes.arrayBuffer()) : undefined;
}
