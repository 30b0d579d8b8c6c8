/** PUT, of a file or of a part of one. */

import { O_RDWR } from '../../abi/uapi/fs.ts';
import type { DavContext } from '../context.ts';
import { DavFailure } from '../failure.ts';
import { keyOf, parentOf } from '../paths.ts';
import { etagOf, find, type Resource, treePath } from '../resource.ts';
import { receivedFile } from './received-file.ts';
import { mustHaveParent } from './target.ts';

/** A file that is there whole, but not in its place. */
export interface Staged {
  /** As the answer to the request, when it is its turn. */
  place(): Promise<Response>;
  discard(): Promise<void>;
}

/**
 * Receives a file apart from the one that is there: whoever reads meanwhile has the old one, a client that goes away leaves that, and a
 * slow one keeps nobody waiting. Undefined: only a part is sent, which is written in place.
 */
export async function stagePut(context: DavContext): Promise<Staged | undefined> {
  const { request, place } = context;
  if (request.headers.has('content-range')) return undefined;
  const before = await mayPut(context);
  const target = await targetOf(context, before);
  const file = await receivedFile(context, target);
  try {
    let offset = 0;
    for await (const piece of bodyOf(request)) {
      await file.write(offset, piece);
      offset += piece.length;
    }
  } catch (cause) {
    await file.discard();
    throw cause;
  }
  return {
    discard: file.discard,
    async place() {
      // What is there now need not be what was there when it began.
      const there = await mayPut(context);
      await file.place(await targetOf(context, there), there);
      return putAnswer(context, there, place.path);
    },
  };
}

/** A part of a file, in place. */
export async function put(context: DavContext): Promise<Response> {
  const { place, request } = context;
  const before = await mayPut(context);
  await putRange(context, before, request.headers.get('content-range') ?? '');
  return putAnswer(context, before, place.path);
}

/** What is there. */
async function mayPut(context: DavContext): Promise<Resource | undefined> {
  const { tree, place, locks, tokens } = context;
  const { path } = place;
  if (place.isCollection) throw new DavFailure(405, 'a collection is made by MKCOL');
  await mustHaveParent(context, path);
  const before = await find(tree, path);
  if (before?.isCollection) throw new DavFailure(405, 'it is a collection');
  locks.check(keyOf(path), tokens, before ? {} : { parent: keyOf(parentOf(path)) });
  return before;
}

/** Where a symlink leads, if the name is one. */
const targetOf = async ({ tree, place }: DavContext, before: Resource | undefined): Promise<Uint8Array> =>
  before ? (await tree.realpath(treePath(place.path))).subarray(1) : place.path;

async function putAnswer({ tree }: DavContext, before: Resource | undefined, path: Uint8Array): Promise<Response> {
  const now = await find(tree, path);
  return new Response(null, { status: before ? 204 : 201, ...(now && { headers: { etag: etagOf(now) } }) });
}

/** In place, as clients that write files piece by piece want it. */
async function putRange(
  { changes, place, request }: DavContext,
  before: Resource | undefined,
  range: string,
): Promise<void> {
  const [, first, last] = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/.exec(range) ?? [];
  if (first === undefined || last === undefined) throw new DavFailure(400, 'Content-Range is "bytes FIRST-LAST/*"');
  if (!before) throw new DavFailure(409, 'a part of what is not there');
  const length = Number(last) - Number(first) + 1;
  const file = await changes.open(treePath(place.path), O_RDWR);
  try {
    let done = 0;
    for await (const piece of bodyOf(request)) {
      if (done + piece.length > length) throw new DavFailure(400, 'the body is longer than its Content-Range');
      await file.write(Number(first) + done, piece);
      done += piece.length;
    }
    if (done < length) throw new DavFailure(400, 'the body is shorter than its Content-Range');
  } finally {
    await file.close();
  }
}

async function* bodyOf({ body }: Request): AsyncGenerator<Uint8Array, void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
