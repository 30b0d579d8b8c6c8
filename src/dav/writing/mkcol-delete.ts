/** MKCOL and DELETE. */

import { remove } from '../../tree/write/whole.ts';
import type { DavContext } from '../context.ts';
import { DavFailure } from '../failure.ts';
import { keyOf, parentOf } from '../paths.ts';
import { find } from '../resource.ts';
import { mustGoWhole, mustHaveParent } from './target.ts';

export async function mkcol(context: DavContext): Promise<Response> {
  const { changes, tree, place, request, locks, tokens } = context;
  const { path } = place;
  if ((await request.arrayBuffer()).byteLength > 0) throw new DavFailure(415, 'a collection is made without a body');
  if (await find(tree, path)) throw new DavFailure(405, 'it is there already');
  await mustHaveParent(context, path);
  locks.check(keyOf(path), tokens, { parent: keyOf(parentOf(path)) });
  await changes.mkdir(path, 0o755);
  return new Response(null, { status: 201 });
}

export async function del(context: DavContext): Promise<Response> {
  const { changes, tree, place, locks } = context;
  const { key } = await mustGoWhole(context, 'goes');
  await remove(tree, changes, place.path, { recursive: true });
  locks.forget(key);
  return new Response(null, { status: 204 });
}
