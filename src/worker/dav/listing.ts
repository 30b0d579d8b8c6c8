/** The collection of all images at /dav/: what a client of WebDAV sees that was given no image's own URL. It is read alone. */

import { DavFailure, refusal } from '../../dav/failure.ts';
import { depthOf, linkLine, linksPage, options, propfindAnswer, responseOf, wantedOf } from '../../dav/reading.ts';
import { emptyTag, escaped, isDav, type Name } from '../../dav/xml.ts';
import type { StoredImage } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { DAV_ROOT } from './target.ts';

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
    return refusal(cause);
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
  const levels = depthOf(request);
  if (levels > 1) throw new DavFailure(403, 'one image at a time: Depth is 0 or 1');
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
    return responseOf(one.url, { found, missing });
  };
  async function* responses(): AsyncGenerator<string> {
    yield response({ url: DAV_ROOT, name: 'images', modified: undefined });
    if (levels > 0) for await (const { name, uploaded } of all(images)) yield response(collectionOf(name, uploaded));
  }
  return propfindAnswer(responses());
}

const collectionUrl = (name: string): string => `${DAV_ROOT}${name}/`;
const collectionOf = (name: string, modified: Date): Collection => ({ url: collectionUrl(name), name, modified });

const page = (request: Request, images: Pick<ImageStore, 'list'>): Promise<Response> =>
  linksPage(request, 'images', async () => {
    const lines: string[] = [];
    for await (const { name } of all(images)) lines.push(linkLine(collectionUrl(name), name));
    return lines;
  });
