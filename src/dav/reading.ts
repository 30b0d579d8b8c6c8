/** OPTIONS, GET, HEAD and PROPFIND. */

import { rangeOf, wantedRange } from '../tree/byte-range.ts';
import { xmlBody } from './body.ts';
import { type DavContext, href } from './context.ts';
import { DavFailure } from './failure.ts';
import { hrefOf, nameOf } from './paths.ts';
import { type FoundProperties, type PropertyNeeds, propertiesOf, type Wanted } from './properties.ts';
import { etagOf, find, members, modifiedOf, type Resource, treePath } from './resource.ts';
import { davChild, elementsOf, escaped, isDav, readXml } from './xml.ts';

const METHODS = 'OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK';

export const options = (): Response =>
  new Response(null, { status: 200, headers: { dav: '1, 2, 3', allow: METHODS, 'ms-author-via': 'DAV' } });

export async function mustFind({ tree, place }: DavContext): Promise<Resource> {
  const found = await find(tree, place.path);
  if (found === undefined || (place.isCollection && !found.isCollection))
    throw new DavFailure(404, 'there is no such file');
  return found;
}

const PIECE_BYTES = 256 * 1024;

export async function get(context: DavContext): Promise<Response> {
  const { tree, place, request } = context;
  const found = await mustFind(context);
  if (found.isCollection) return listing(context, found);
  const etag = etagOf(found);
  const headers = {
    etag,
    'last-modified': modifiedOf(found).toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
  };
  if (isKnown(request, etag)) return new Response(null, { status: 304, headers });
  const sizeBytes = found.stat.size;
  const ifRange = request.headers.get('if-range');
  const wanted =
    ifRange === null || ifRange === etag ? wantedRange(request.headers.get('range') ?? undefined) : undefined;
  let range = { offset: 0, length: sizeBytes };
  try {
    if (wanted) range = rangeOf(wanted, sizeBytes);
  } catch {
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${sizeBytes}` } });
  }
  const { offset, length } = range;
  const all = {
    ...headers,
    'content-length': String(length),
    ...(wanted && { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` }),
  };
  const status = wanted ? 206 : 200;
  if (request.method === 'HEAD') return new Response(null, { status, headers: all });
  const file = await tree.openFile(treePath(place.path));
  let at = offset;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, offset + length - at));
        if (piece.length === 0) {
          await file.close();
          return controller.close();
        }
        const bytes = await file.read(at, piece).catch(async (cause: unknown) => {
          await file.close();
          throw cause;
        });
        // It has become shorter meanwhile: what was promised cannot be kept.
        if (bytes < piece.length) {
          await file.close();
          throw new Error('the file became shorter while it was sent');
        }
        at += bytes;
        controller.enqueue(piece);
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status, headers: all });
}

const isKnown = (request: Request, etag: string): boolean => {
  const tags = request.headers
    .get('if-none-match')
    ?.split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  return tags !== undefined && (tags.includes('*') || tags.includes(etag));
};

/** Names on one page for people; programs ask with PROPFIND, which has no end. */
const MAX_NAMES = 10_000;

async function listing(context: DavContext, { path }: Resource): Promise<Response> {
  return linksPage(context.request, new TextDecoder().decode(path) || '/', async () => {
    const lines: string[] = [];
    for await (const member of members(context.tree, path)) {
      if (lines.length === MAX_NAMES) return [`<li>the first ${MAX_NAMES} of more names, in no order`, ...lines];
      const name = new TextDecoder().decode(nameOf(member.path)) + (member.isCollection ? '/' : '');
      lines.push(linkLine(href(context, member.path, member.isCollection), name));
    }
    return lines.sort();
  });
}

/** For browsers: links to what is in a collection. */
export async function linksPage(
  { method }: Request,
  title: string,
  lines: () => Promise<readonly string[]>,
): Promise<Response> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff',
  };
  if (method === 'HEAD') return new Response(null, { headers });
  const shown = escaped(title);
  const page = `<!doctype html><meta charset="utf-8"><title>${shown}</title><h1>${shown}</h1><ul>${(await lines()).join('\n')}</ul>\n`;
  return new Response(page, { headers });
}

export const linkLine = (url: string, name: string): string =>
  `<li><a href="${escaped(url)}">${escaped(name)}</a></li>`;

export async function propfind(context: DavContext): Promise<Response> {
  const { request, tree } = context;
  const found = await mustFind(context);
  const levels = depthOf(request);
  const wanted = wantedOf(await xmlBody(request));
  const needs = propertyNeeds(context);

  async function* resources(from: Resource, left: number): AsyncGenerator<Resource> {
    yield from;
    if (!from.isCollection || left === 0 || from.isLink) return;
    for await (const member of members(tree, from.path)) yield* resources(member, left - 1);
  }
  async function* responses(): AsyncGenerator<string> {
    for await (const one of resources(found, levels))
      yield responseOf(href(context, one.path, one.isCollection), await propertiesOf(one, wanted, needs));
  }
  return propfindAnswer(responses());
}

/** How many levels below it a PROPFIND is about. */
export function depthOf({ headers }: Request): number {
  const depth = (headers.get('depth') ?? 'infinity').toLowerCase();
  if (!['0', '1', 'infinity'].includes(depth)) throw new DavFailure(400, 'Depth is 0, 1 or infinity');
  return depth === 'infinity' ? Number.POSITIVE_INFINITY : Number(depth);
}

/** What a PROPFIND is told of one resource. */
export const responseOf = (url: string, { found, missing }: FoundProperties): string =>
  `<D:response><D:href>${escaped(url)}</D:href>${propstat(found, 200)}${propstat(missing, 404)}</D:response>\n`;

/** Of the responses for all of them. */
export function propfindAnswer(responses: AsyncIterable<string>): Response {
  async function* text(): AsyncGenerator<string> {
    yield '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n';
    yield* responses;
    yield '</D:multistatus>\n';
  }
  return multistatus(text());
}

export const propertyNeeds = (context: DavContext): PropertyNeeds => ({
  tree: context.tree,
  locks: context.locks,
  href: (root) =>
    escaped(
      hrefOf(
        context.prefix,
        Uint8Array.from(root, (one) => one.charCodeAt(0)),
        false,
      ),
    ),
});

const words: Readonly<Record<number, string>> = {
  200: 'OK',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  423: 'Locked',
  424: 'Failed Dependency',
  507: 'Insufficient Storage',
};

const statusLine = (status: number): string => `<D:status>HTTP/1.1 ${status} ${words[status] ?? 'Error'}</D:status>`;

export const propstat = (properties: readonly string[], status: number): string =>
  properties.length === 0 && status !== 200
    ? ''
    : `<D:propstat><D:prop>${properties.join('')}</D:prop>${statusLine(status)}</D:propstat>`;

/** As it is made, so that a tree of any size takes no more memory than a piece of it. */
export function multistatus(text: AsyncIterable<string>): Response {
  const encoder = new TextEncoder();
  const pieces = text[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void (await pieces.return?.()),
  });
  return new Response(body, { status: 207, headers: { 'content-type': 'application/xml; charset=utf-8' } });
}

/** No body: all of them (RFC 4918, section 9.1). */
export function wantedOf(body: string): Wanted {
  if (body.trim() === '') return { kind: 'all', also: [] };
  const root = readRequest(body, 'propfind');
  const prop = davChild(root, 'prop');
  if (prop) return { kind: 'some', names: elementsOf(prop) };
  if (davChild(root, 'propname')) return { kind: 'names' };
  if (!davChild(root, 'allprop')) throw new DavFailure(400, 'propfind has prop, propname or allprop');
  const include = davChild(root, 'include');
  return { kind: 'all', also: include ? elementsOf(include) : [] };
}

/** Rejects with 400 what is no XML, or another element. */
export function readRequest(body: string, root: string) {
  let element: ReturnType<typeof readXml>;
  try {
    element = readXml(body);
  } catch (cause) {
    throw new DavFailure(
      400,
      `the body cannot be read: ${cause instanceof Error ? cause.message.split('\n')[0] : cause}`,
    );
  }
  if (!isDav(element, root)) throw new DavFailure(400, `the body is no DAV:${root}`);
  return element;
}
