/** The collection of all images at /dav/: what a client of WebDAV sees that was given no image's own URL. It is read alone. */

import { DavFailure } from '../../dav/failure.ts';
import { multistatus, options, propstat, wantedOf } from '../../dav/reading.ts';
import { emptyTag, escaped, isDav, type Name } from '../../dav/xml.ts';
import type { StoredImage } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';

export const DAV_ROOT = '/dav/';

/** Names of images are of characters that URLs have as they are; in a collection nobody expects more than these. */
const IMAGES_A_PAGE = 500;

interface Collection {
  readonly url: string;
  readonly name: string;
  readonly modified: Date | undefined;
}

/** `images` are those that whoever asks may read. */
export async function imageListing(request: Request, images: Pick<ImageStore, 'list'>): Promise<Response> {
  try {
    switch (request.method) {
      case 'OPTIONS':
        return options();
      case 'GET':
      case 'HEAD':
        return await page(request, images);
      case 'PROPFIND':
        return await propfind(request, images);
      default:
        throw new DavFailure(403, 'images are made and deleted at /v1/images; what is in one is written below it');
    }
  } catch (cause) {
    if (!(cause instanceof DavFailure)) throw cause;
    const { status, message } = cause;
    return new Response(`${message}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
  }
}

async function* all(images: Pick<ImageStore, 'list'>): AsyncGenerator<StoredImage> {
  for (let after: string | undefined; ; ) {
    const found = await images.list({ prefix: '', limit: IMAGES_A_PAGE, after });
    yield* found.images;
    if (!found.more) return;
    after = found.images.at(-1)?.name;
  }
}

async function propfind(request: Request, images: Pick<ImageStore, 'list'>): Promise<Response> {
  const depth = (request.headers.get('depth') ?? 'infinity').toLowerCase();
  if (!['0', '1', 'infinity'].includes(depth)) throw new DavFailure(400, 'Depth is 0, 1 or infinity');
  if (depth === 'infinity') throw new DavFailure(403, 'one image at a time: Depth is 0 or 1');
  const wanted = wantedOf(await request.text());
  const properties = ({ name, modified }: Collection): Readonly<Record<string, string>> => ({
    displayname: `<D:displayname>${escaped(name)}</D:displayname>`,
    resourcetype: '<D:resourcetype><D:collection/></D:resourcetype>',
    ...(modified && { getlastmodified: `<D:getlastmodified>${modified.toUTCString()}</D:getlastmodified>` }),
  });
  const response = (one: Collection): string => {
    const there = properties(one);
    const has = (name: Name) => isDav(name, name.local) && Object.hasOwn(there, name.local);
    const names: readonly Name[] =
      wanted.kind === 'some' ? wanted.names : Object.keys(there).map((local) => ({ ns: 'DAV:', local }));
    const found = names
      .filter(has)
      .map((name) => (wanted.kind === 'names' ? emptyTag(name) : (there[name.local] ?? '')));
    const missing = names.filter((name) => !has(name)).map(emptyTag);
    return `<D:response><D:href>${escaped(one.url)}</D:href>${propstat(found, 200)}${propstat(missing, 404)}</D:response>\n`;
  };
  async function* answer(): AsyncGenerator<string> {
    yield '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n';
    yield response({ url: DAV_ROOT, name: 'images', modified: undefined });
    if (depth === '1') for await (const { name, uploaded } of all(images)) yield response(collectionOf(name, uploaded));
    yield '</D:multistatus>\n';
  }
  return multistatus(answer());
}

const collectionOf = (name: string, modified: Date): Collection => ({ url: `${DAV_ROOT}${name}/`, name, modified });

/** For browsers. */
async function page({ method }: Request, images: Pick<ImageStore, 'list'>): Promise<Response> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff',
  };
  if (method === 'HEAD') return new Response(null, { headers });
  const lines: string[] = [];
  for await (const { name } of all(images))
    lines.push(`<li><a href="${DAV_ROOT}${escaped(name)}/">${escaped(name)}</a></li>`);
  return new Response(
    `<!doctype html><meta charset="utf-8"><title>images</title><h1>images</h1><ul>${lines.join('\n')}</ul>\n`,
    { headers },
  );
}
