/** A mounted tree as a WebDAV server (RFC 4918, classes 1, 2 and 3), as a function of requests. */

import { type DavContext, type DavTree, placeOfUrl, type Receiving } from './context.ts';
import { DavFailure, failureOf, refusal } from './failure.ts';
import { type Condition, readIf, tokensOf } from './if-header.ts';
import { lock, unlock } from './locking.ts';
import { Locks } from './locks.ts';
import { keyOf, placeOf } from './paths.ts';
import { get, options, propfind } from './reading.ts';
import { etagOf, find } from './resource.ts';
import { copy, move } from './writing/copy-move.ts';
import { del, mkcol } from './writing/mkcol-delete.ts';
import { proppatch } from './writing/proppatch.ts';
import { put, stagePut } from './writing/put.ts';
import { document } from './xml.ts';

const methods: Readonly<Record<string, (context: DavContext) => Response | Promise<Response>>> = {
  OPTIONS: options,
  GET: get,
  HEAD: get,
  PROPFIND: propfind,
  PUT: put,
  MKCOL: mkcol,
  DELETE: del,
  COPY: copy,
  MOVE: move,
  PROPPATCH: proppatch,
  LOCK: lock,
  UNLOCK: unlock,
};

const READS: readonly string[] = ['OPTIONS', 'GET', 'HEAD', 'PROPFIND'];

/** Whether a request of this method leaves the tree as it is. */
export const isReading = (method: string): boolean => READS.includes(method);

export interface DavOptions {
  /** What URLs of the tree begin with, ending in a slash. Default: `/`. */
  readonly prefix?: string;
  /** Nothing is changed. */
  readonly readOnly?: boolean;
  readonly nowMs: () => number;
  /** A UUID. */
  readonly uniqueName: () => string;
  /** Those of the tree. Default: there are none yet. */
  readonly locks?: Locks;
  /** Told of what changed the tree, once it has. */
  readonly changed?: () => void;
}

/** Requests may come at any time; one that changes the tree is alone with it. */
export function davHandler(tree: DavTree, davOptions: DavOptions): (request: Request) => Promise<Response> {
  const { prefix = '/', readOnly = false, nowMs, uniqueName, changed = () => {} } = davOptions;
  const { locks = new Locks({ nowMs, newToken: () => `urn:uuid:${uniqueName()}` }) } = davOptions;
  const receiving: Receiving = { names: new Set(), looked: new Set() };
  let last: Promise<unknown> = Promise.resolve();

  async function handle(request: Request): Promise<Response> {
    const place = placeOf(new URL(request.url).pathname, prefix);
    if (place === undefined) throw new DavFailure(404, 'there is nothing here');
    const method = methods[request.method];
    if (!method) throw new DavFailure(405, `${request.method} is nothing that can be done`);
    const lists = readIf(request.headers.get('if') ?? undefined);
    const context = { ...tree, request, place, prefix, locks, lists, tokens: tokensOf(lists), uniqueName, receiving };
    await checkConditions(context);
    if (isReading(request.method)) return method(context);
    if (readOnly) throw new DavFailure(403, 'the tree is only read');
    const staged = request.method === 'PUT' ? await stagePut(context) : undefined;
    const answer = last.then(async () => {
      // What held when it came may not hold now.
      await checkConditions(context);
      return staged ? staged.place() : method(context);
    });
    last = answer.catch(() => staged?.discard());
    const response = await answer;
    changed();
    return response;
  }

  return async (request) => {
    try {
      return await handle(request);
    } catch (cause) {
      const failure = failureOf(cause);
      const { status, condition } = failure;
      const headers = { 'content-type': 'application/xml; charset=utf-8' };
      if (condition) return new Response(document('error', `<D:${condition}/>`), { status, headers });
      return refusal(failure);
    }
  };
}

/** If-Match and If-None-Match (RFC 9110, section 13), and If. */
async function checkConditions(context: DavContext): Promise<void> {
  const { request, place, tree, lists, locks } = context;
  const ifMatch = request.headers.get('if-match');
  const ifNoneMatch = request.headers.get('if-none-match');
  const isRead = isReading(request.method);
  const etagAt = async (path: Uint8Array) => {
    const found = await find(tree, path).catch(failureOf);
    return found === undefined || found instanceof DavFailure ? undefined : etagOf(found);
  };
  if (ifMatch !== null || (ifNoneMatch !== null && !isRead)) {
    const etag = await etagAt(place.path);
    const matches = (header: string) =>
      etag !== undefined && (header.trim() === '*' || header.split(',').some((tag) => tag.trim() === etag));
    if (ifMatch !== null && !matches(ifMatch)) throw new DavFailure(412, 'it is another version');
    if (ifNoneMatch !== null && !isRead && matches(ifNoneMatch)) throw new DavFailure(412, 'it is there');
  }
  if (lists.length === 0) return;
  const holds = async (path: Uint8Array, { token, etag, isNot }: Condition) => {
    const is = token !== undefined ? locks.has(token, keyOf(path)) : (await etagAt(path)) === etag?.replace(/^W\//, '');
    return is !== isNot;
  };
  for (const { resource, conditions } of lists) {
    const about = resource === undefined ? place : placeOfUrl(context, resource);
    if (about === undefined) continue;
    const results = await Promise.all(conditions.map((condition) => holds(about.path, condition)));
    if (results.every(Boolean)) return;
  }
  throw new DavFailure(412, 'no list of the header If holds');
}
