/** What methods that write ask of the path they are to write, and what copies of files keep. */

import type { DavContext } from '../context.ts';
import { DavFailure, failureOf } from '../failure.ts';
import { keyOf, parentOf } from '../paths.ts';
import { mustFind } from '../reading.ts';
import { find, type Resource, treePath } from '../resource.ts';

/** The directory that `path` is to be in must be there (RFC 4918, sections 9.3.1, 9.7.1). */
export async function mustHaveParent({ tree }: DavContext, path: Uint8Array): Promise<void> {
  if (path.length === 0) return;
  const parent = await find(tree, parentOf(path));
  if (!parent?.isCollection) throw new DavFailure(409, 'the collection that it is to be in is not there');
}

export const noRoot = (path: Uint8Array): void => {
  if (path.length === 0) throw new DavFailure(403, 'the root of the file system stays');
};

/** What is to leave its place, all of it: a collection goes with Depth infinity alone (RFC 4918, sections 9.6.1, 9.9.3). */
export async function mustGoWhole(
  context: DavContext,
  verb: 'goes' | 'moves',
): Promise<{ readonly found: Resource; readonly key: string }> {
  const { place, request, locks, tokens } = context;
  noRoot(place.path);
  const found = await mustFind(context);
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (found.isCollection && depth !== 'infinity')
    throw new DavFailure(400, `a collection ${verb} whole: Depth is infinity`);
  const key = keyOf(place.path);
  locks.check(key, tokens, { isTree: true, parent: keyOf(parentOf(place.path)) });
  return { found, key };
}

/** What the file system does not take is left out: a copy is still a copy. */
export async function copyAttributes(
  { tree }: DavContext,
  from: Uint8Array,
  set: (name: string, value: Uint8Array) => Promise<void>,
): Promise<void> {
  for (const { name, value } of await tree.xattrs(treePath(from))) {
    await set(new TextDecoder().decode(name), value).catch(failureOf);
  }
}
