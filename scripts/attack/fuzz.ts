/** Requests made of the OpenAPI document, right and wrong: every answer is one that the document tells of, and never our own failure. */

import { type Schema as JsonSchema, Validator } from '@cfworker/json-schema';
import { type Ask, as, bytes, countsOf, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';
import { type Sampling, type Schema, sampleOf, spoiled } from './samples.ts';
import { randomFrom } from './wire.ts';

export interface FuzzOptions {
  readonly url: URL;
  readonly image: Uint8Array;
  /** Of each operation. */
  readonly each: number;
  readonly seed: number;
  /** Told of each operation that is done with. */
  progress?(operation: string, requests: number): void;
}

export interface FuzzReport {
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** What took longest, in milliseconds. */
  readonly slowest: readonly (readonly [ms: number, request: string])[];
  readonly wholeMs: number;
  readonly findings: readonly string[];
}

const SLOWEST = 10;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Media {
  readonly schema?: Schema;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly content?: Readonly<Record<string, Media>>;
        readonly 'x-other-content'?: Readonly<Record<string, Media>>;
      }
    >
  >;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE-ME'];
const TYPES = [
  'application/json',
  'text/plain',
  'application/octet-stream',
  'application/x-ndjson',
  'multipart/form-data',
  'x',
];
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  [
    'range',
    [
      'bytes=0-0',
      'bytes=5-',
      'bytes=-5',
      'bytes=9-1',
      'bytes=0-99999999999',
      'lines=1-2',
      'bytes=a-b',
      'bytes=0-1,3-4',
    ],
  ],
  ['if-match', ['*', '"x"', 'x', 'W/"x"', '"a", "b"']],
  ['if-none-match', ['*', '"x"', 'x']],
  ['if-range', ['"x"', 'Mon, 01 Jan 2024 00:00:00 GMT']],
  ['accept', ['text/html', 'application/x-ndjson', 'nothing/nowhere', '*/*;q=0']],
  ['content-encoding', ['gzip', 'br', 'identity', 'xz', 'nonsense']],
  ['content-md5', ['nonsense', 'AAAAAAAAAAAAAAAAAAAAAA==']],
  ['content-digest', ['sha-256=:AAAA:', 'x']],
  ['origin', ['https://evil.test', 'null', 'http://localhost:1']],
];

/** What answers by streaming for as long as it is asked to is not what is looked for here. */
const PATIENCE_MS = 60_000;

interface Made {
  readonly path: string;
  readonly init: RequestInit;
}

export async function fuzz({ url, image, each, seed, progress }: FuzzOptions): Promise<FuzzReport> {
  const findings = new Findings();
  const ask = as(url, 'fuzzer');
  const document = (await (await ask('/openapi.json')).json()) as Document;
  const sampling: Sampling = { schemas: document.components.schemas, random: randomFrom(seed) };
  await (await ask('/v1/images/fuzzed', bytes(image))).arrayBuffer();
  const made = (await (await ask('/v1/sessions', json({ expires_in_s: 3600 }))).json()) as { readonly id: string };
  const known: Readonly<Record<string, readonly string[]>> = {
    name: ['fuzzed', 'none', 'kernel-panic'],
    id: [made.id, crypto.randomUUID(), 'aaaaaaaaaa'],
    path: ['', 'large.bin', 'directory', 'none', 'proc/self/maps', '%ff%00'],
    part: ['1', '10000'],
  };
  const statuses: string[] = [];
  let slowest: (readonly [number, string])[] = [];
  for (const [template, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      for (let times = 0; times < each; times++) {
        const request = requestFor(template, method, operation, known, sampling, image);
        const start = performance.now();
        const answer = await answered(ask, request, `${method.toUpperCase()} ${request.path}`, findings);
        const took = [
          Math.round(performance.now() - start),
          `${request.init.method} ${request.path.slice(0, 80)}: ${answer?.status}`,
        ] as const;
        slowest = [...slowest, took].sort(([a], [b]) => b - a).slice(0, SLOWEST);
        if (answer === undefined) continue;
        statuses.push(String(answer.status));
        check(document, operation, method, request, answer, findings);
      }
      progress?.(operation.operationId, statuses.length);
    }
  }
  for (const { id } of await sessionsOf(ask)) await ask(`/v1/sessions/${id}`, { method: 'DELETE' });
  const wholeMs = Math.round(await untilWhole(url, 0, 10_000));
  return { requests: statuses.length, statuses: countsOf(statuses), slowest, wholeMs, findings: findings.all };
}

async function sessionsOf(ask: Ask): Promise<readonly { readonly id: string }[]> {
  return ((await (await ask('/v1/sessions')).json()) as { readonly sessions: readonly { readonly id: string }[] })
    .sessions;
}

function requestFor(
  template: string,
  method: string,
  { parameters = [], requestBody }: Operation,
  known: Readonly<Record<string, readonly string[]>>,
  sampling: Sampling,
  image: Uint8Array,
): Made {
  const { random } = sampling;
  const among = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const valid = random() < 0.4;
  const spoil = (): boolean => !valid && random() < 0.3;
  const value = ({ name, schema }: Parameter): string => {
    const sample = name in known && random() < 0.8 ? among(known[name] ?? ['']) : sampleOf(schema, sampling);
    const sent = spoil() ? spoiled(sample, random) : sample;
    return (typeof sent === 'object' ? JSON.stringify(sent) : String(sent)).slice(0, 2000);
  };
  const inPath = (parameter: Parameter): string => {
    const text = value(parameter);
    return parameter.name === 'path' ? text.split('/').map(asPath).join('/') : asPath(text);
  };
  let path = template;
  for (const parameter of parameters.filter((one) => one.in === 'path')) {
    path = path.replace(`{${parameter.name}}`, inPath(parameter));
  }
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  for (const parameter of parameters) {
    if (!(parameter.required || random() < 0.3)) continue;
    if (parameter.in === 'query') query.set(parameter.name, value(parameter).toWellFormed());
    if (parameter.in === 'header') headers[parameter.name] = printable(value(parameter));
  }
  if (spoil()) query.set('no such', 'x');
  if (spoil()) {
    const [name, values] = among(HEADERS);
    headers[name] = among(values);
  }
  const verb = spoil() ? among(VERBS) : method.toUpperCase();
  const init: RequestInit = { method: verb, headers, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) };
  const [type, media] = among(Object.entries(requestBody?.content ?? {})) ?? [];
  if (type !== undefined && verb !== 'GET' && verb !== 'HEAD') {
    headers['content-type'] = spoil() ? among(TYPES) : type;
    if (type === 'application/json') {
      const sample = brief(sampleOf(media?.schema ?? {}, sampling));
      const text = JSON.stringify(valid ? sample : spoiled(sample, random)) ?? '';
      init.body = spoil() ? text.slice(0, Math.floor(random() * text.length)) : text;
    } else {
      init.body = new Uint8Array(spoil() ? image.subarray(0, Math.floor(random() * 2000)) : image);
    }
  }
  return { path: `${path}${query.size > 0 ? `?${query}` : ''}`, init };
}

/** Some things take as long as they are asked to. */
function brief(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const short = 'duration' in value ? { duration: '100ms', deadline_ms: 2000 } : {};
  const alone = 'dhcp' in value ? { dhcp: false } : {}; // half a minute for an answer that nobody gives
  return { ...value, ...('calls' in value ? { deadline_ms: 2000 } : {}), ...alone, ...short };
}

const asPath = (text: string): string =>
  /^(%[0-9a-f]{2}|[\w.-])*$/i.test(text) ? text : encodeURIComponent(text.toWellFormed()).slice(0, 3000);
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').trim();

interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

/** Who still writes a body when it is refused may hear of the closed connection before the answer: he asks again so often. */
const TRIES = 4;

/** Undefined: there was none. */
async function answered(
  ask: Ask,
  { path, init }: Made,
  where: string,
  findings: Findings,
  tries = TRIES,
): Promise<Answered | undefined> {
  try {
    const answer = await ask(path, init);
    // A tar that is cut off because a file of it cannot be read is told by that alone.
    const body = new Uint8Array(await answer.arrayBuffer().catch(() => new ArrayBuffer(0)));
    return { status: answer.status, type: answer.headers.get('content-type')?.split(';')[0] ?? '', body };
  } catch (cause) {
    const { message, cause: inner } = cause as Error;
    const isCutOff = init.body != null && (inner as { code?: unknown } | undefined)?.code === 'EPIPE';
    if (isCutOff && tries > 1) return answered(ask, { path, init }, where, findings, tries - 1);
    findings.must(false, `${where.slice(0, 200)}: ${message} ${inner instanceof Error ? inner.message : ''}`);
    return undefined;
  }
}

function check(
  { components }: Document,
  operation: Operation,
  method: string,
  { path, init }: Made,
  { status, type, body }: Answered,
  findings: Findings,
): void {
  const where = `${init.method} ${path.slice(0, 150)} (${operation.operationId}): ${status}`;
  const text = () => new TextDecoder().decode(body.subarray(0, 300));
  // workerd itself answers verbs that it does not know.
  findings.must(status < 500 || status === 503 || init.method === 'TRACE-ME', `${where} ${text()}`);
  // Another verb is another operation, or none.
  if (init.method !== method.toUpperCase() || status >= 500) return;
  const described = operation.responses[status];
  if (described === undefined) {
    // Paths that lead elsewhere, or nowhere, are not this operation's.
    findings.must(status === 404 || status === 405 || status === 403, `${where} is not in the document ${text()}`);
    return;
  }
  const content = { ...described.content, ...described['x-other-content'] };
  if (init.method === 'HEAD' || Object.keys(content).length === 0 || body.length === 0) return;
  findings.must(type in content, `${where}: media type ${type}, not ${Object.keys(content).join(' or ')}`);
  if (!/[/+]json$/.test(type)) return;
  const schema = { ...content[type]?.schema, components } as unknown as JsonSchema;
  const { valid, errors } = new Validator(schema, '2020-12', false).validate(
    JSON.parse(new TextDecoder().decode(body)),
  );
  const [error] = errors;
  findings.must(valid, `${where}: ${error?.instanceLocation} ${error?.error}`);
}
