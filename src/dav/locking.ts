/** LOCK and UNLOCK. */

import { O_CREAT, O_EXCL, O_WRONLY } from '../abi/uapi/fs.ts';
import { xmlBody } from './body.ts';
import type { DavContext } from './context.ts';
import { DavFailure } from './failure.ts';
import { keyOf, parentOf } from './paths.ts';
import { lockDiscovery } from './properties.ts';
import { propertyNeeds, readRequest } from './reading.ts';
import { find } from './resource.ts';
import { davChild, document, writeXml } from './xml.ts';

/** Whoever wants one for longer asks again. */
const MAX_SECONDS = 3600;

export async function lock(context: DavContext): Promise<Response> {
  const { request, place, tree, changes, locks, tokens, lists } = context;
  const key = keyOf(place.path);
  const seconds = secondsOf(request.headers.get('timeout'));
  const body = await xmlBody(request);
  if (body.trim() === '') {
    const [token] = lists.flatMap(({ conditions }) =>
      conditions.flatMap((one) => (one.token === undefined ? [] : [one.token])),
    );
    if (token === undefined) throw new DavFailure(400, 'a lock is asked for by a lockinfo, or named by If to go on');
    const refreshed = locks.refresh(token, key, seconds);
    if (!refreshed) throw new DavFailure(412, 'there is no such lock', 'lock-token-matches-request-uri');
    return answer(context, 200, token);
  }
  const info = readRequest(body, 'lockinfo');
  const scope = davChild(info, 'lockscope');
  const isExclusive = scope !== undefined && davChild(scope, 'exclusive') !== undefined;
  const type = davChild(info, 'locktype');
  if (!(type && davChild(type, 'write')) || !(isExclusive || (scope && davChild(scope, 'shared')))) {
    throw new DavFailure(400, 'lockinfo has a lockscope, exclusive or shared, and the locktype write');
  }
  const depth = request.headers.get('depth')?.toLowerCase() ?? 'infinity';
  if (depth !== '0' && depth !== 'infinity') throw new DavFailure(400, 'Depth is 0 or infinity');
  const there = await find(tree, place.path);
  if (!there) {
    const parent = await find(tree, parentOf(place.path));
    if (!parent?.isCollection) throw new DavFailure(409, 'the collection that it is to be in is not there');
    locks.check(key, tokens, { parent: keyOf(parentOf(place.path)) });
  }
  const owner = davChild(info, 'owner');
  const made = locks.add({
    root: key,
    isExclusive,
    isDeep: depth === 'infinity' && there?.isCollection === true,
    owner: owner ? writeXml(owner) : '',
    seconds,
  });
  try {
    // An empty file holds the place (RFC 4918, section 9.10.4).
    if (!there) await (await changes.open(place.path, O_WRONLY | O_CREAT | O_EXCL, 0o644)).close();
  } catch (cause) {
    locks.remove(made.token, key);
    throw cause;
  }
  return answer(context, there ? 200 : 201, made.token);
}

function answer(context: DavContext, status: number, token: string): Response {
  const { locks, place } = context;
  const all = locks.over(keyOf(place.path)).filter((one) => one.token === token);
  const text = document('prop', lockDiscovery(all, locks, propertyNeeds(context).href));
  return new Response(text, {
    status,
    headers: { 'content-type': 'application/xml; charset=utf-8', 'lock-token': `<${token}>` },
  });
}

/** The first of the wishes that can be had. */
function secondsOf(header: string | null): number {
  const [, seconds] = /Second-(\d+)/i.exec(header ?? '') ?? [];
  return Math.max(1, Math.min(MAX_SECONDS, Number(seconds ?? MAX_SECONDS)));
}

export async function unlock({ request, place, locks }: DavContext): Promise<Response> {
  const [, token] = /^\s*<([^>]+)>\s*$/.exec(request.headers.get('lock-token') ?? '') ?? [];
  if (token === undefined) throw new DavFailure(400, 'Lock-Token names the lock');
  if (!locks.remove(token, keyOf(place.path))) {
    throw new DavFailure(409, 'there is no such lock on it', 'lock-token-matches-request-uri');
  }
  return new Response(null, { status: 204 });
}
