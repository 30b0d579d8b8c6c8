/** COPY and MOVE. */

import { O_CREAT, O_TRUNC, O_WRONLY } from '../../abi/uapi/fs.ts';
import { joinPath } from '../../bytes/paths.ts';
import type { Tree } from '../../tree/tree.ts';
import { remove } from '../../tree/write/whole.ts';
import { type DavContext, placeOfUrl } from '../context.ts';
import { DavFailure } from '../failure.ts';
import { isWithin, keyOf, nameOf, parentOf } from '../paths.ts';
import { mustFind } from '../reading.ts';
import { find, members, type Resource, treePath } from '../resource.ts';
import { copyAttributes, mustGoWhole, mustHaveParent, noRoot } from './target.ts';

/** Where COPY and MOVE lead, and whether something was there, which is gone then. */
async function destination(
  context: DavContext,
  from: Resource,
): Promise<{ readonly path: Uint8Array; readonly wasThere: boolean }> {
  const { changes, tree, request, locks, tokens } = context;
  const header = request.headers.get('destination');
  if (header === null) throw new DavFailure(400, 'Destination is missing');
  const place = placeOfUrl(context, header);
  if (place === undefined) throw new DavFailure(502, 'Destination is on another server');
  const { path } = place;
  const target = keyOf(path);
  await mustHaveParent(context, path);
  await mustBeApart(tree, from, path);
  const there = await find(tree, path);
  if (there && request.headers.get('overwrite')?.toUpperCase() === 'F')
    throw new DavFailure(412, 'the destination is there');
  locks.check(target, tokens, { isTree: true, ...(!there && { parent: keyOf(parentOf(path)) }) });
  if (there) {
    noRoot(path);
    await remove(tree, changes, path, { recursive: true });
    locks.forget(target);
  }
  return { path, wasThere: there !== undefined };
}

/** Wherever symlinks on the way lead: what is put at `path` must not take the source away, nor be part of it. */
async function mustBeApart(tree: Tree, from: Resource, path: Uint8Array): Promise<void> {
  const target = await ownPlace(tree, path);
  for (const source of [await ownPlace(tree, from.path), keyOf(await tree.realpath(treePath(from.path))).slice(1)]) {
    if (source === target) throw new DavFailure(403, 'source and destination are the same');
    if (isWithin(target, source) || (from.isCollection && isWithin(source, target)))
      throw new DavFailure(409, 'one of source and destination is in the other');
  }
}

/** Where the name itself lies, whatever it leads to, without symlinks on the way. */
async function ownPlace(tree: Tree, path: Uint8Array): Promise<string> {
  if (path.length === 0) return '';
  const parent = await tree.realpath(treePath(parentOf(path)));
  return keyOf(joinPath(parent.subarray(1), nameOf(path)));
}

export async function move(context: DavContext): Promise<Response> {
  const { changes, place, locks } = context;
  const { found, key } = await mustGoWhole(context, 'moves');
  const { path, wasThere } = await destination(context, found);
  await changes.rename(place.path, path);
  locks.forget(key);
  return new Response(null, { status: wasThere ? 204 : 201 });
}

export async function copy(context: DavContext): Promise<Response> {
  const { request } = context;
  const found = await mustFind(context);
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (depth !== '0' && depth !== 'infinity') throw new DavFailure(400, 'Depth is 0 or infinity');
  const { path, wasThere } = await destination(context, found);
  await copyResource(context, found, path, depth === 'infinity');
  return new Response(null, { status: wasThere ? 204 : 201 });
}

const PIECE_BYTES = 256 * 1024;

async function copyResource(context: DavContext, from: Resource, to: Uint8Array, isDeep: boolean): Promise<void> {
  const { changes, tree } = context;
  const mode = from.stat.mode & 0o7777;
  if (from.isLink) return changes.symlink(await tree.readlink(from.path), to);
  if (from.isCollection) {
    await changes.mkdir(to, mode);
    await copyAttributes(context, from.path, (name, value) => changes.setXattr(treePath(to), name, value));
    if (!isDeep) return;
    for await (const member of members(tree, from.path)) {
      await copyResource(context, member, joinPath(to, nameOf(member.path)), true);
    }
    return;
  }
  const source = await tree.openFile(treePath(from.path));
  try {
    const target = await changes.open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
    try {
      const piece = new Uint8Array(PIECE_BYTES);
      for (let at = 0; ; ) {
        const bytes = await source.read(at, piece);
        if (bytes === 0) break;
        await target.write(at, piece.subarray(0, bytes));
        at += bytes;
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await copyAttributes(context, from.path, (name, value) => changes.setXattr(treePath(to), name, value));
}
