/** PROPPATCH. */

import { xmlBody } from '../body.ts';
import { type DavContext, href } from '../context.ts';
import { DavFailure, failureOf } from '../failure.ts';
import { keyOf } from '../paths.ts';
import { attributeOf, type Dead, encodeDead, isLive } from '../properties.ts';
import { multistatus, mustFind, propstat, readRequest } from '../reading.ts';
import { treePath } from '../resource.ts';
import { contentXml, davChild, elementsOf, emptyTag, escaped, isDav, type Name } from '../xml.ts';

interface Update {
  readonly name: Name;
  /** Undefined: it is removed. */
  readonly value: Dead | undefined;
}

/** All or nothing (RFC 4918, section 9.2). */
export async function proppatch(context: DavContext): Promise<Response> {
  const { changes, place, request, locks, tokens, tree } = context;
  const found = await mustFind(context);
  const updates = updatesOf(await xmlBody(request));
  locks.check(keyOf(place.path), tokens);
  const path = treePath(place.path);
  const statuses: number[] = updates.map(({ name }) => (isLive(name) ? 403 : 200));
  if (!statuses.includes(403)) {
    const before = await tree.xattrs(path);
    const done: string[] = [];
    for (const [index, { name, value }] of updates.entries()) {
      const attribute = await attributeOf(name);
      try {
        if (value) await changes.setXattr(path, attribute, encodeDead(value));
        else await changes.removeXattr(path, attribute).catch(ignoreMissing);
        done.push(attribute);
      } catch (cause) {
        statuses[index] = failureOf(cause).status === 507 ? 507 : 403;
        for (const one of done.reverse()) {
          const old = before.find(({ name: key }) => new TextDecoder().decode(key) === one);
          if (old) await changes.setXattr(path, one, old.value);
          else await changes.removeXattr(path, one).catch(ignoreMissing);
        }
        break;
      }
    }
  }
  const failed = statuses.some((status) => status !== 200);
  const shown = updates.map(({ name }, index) => {
    const status = statuses[index] ?? 200;
    return propstat([emptyTag(name)], failed && status === 200 ? 424 : status);
  });
  const text = `<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:"><D:response><D:href>${escaped(href(context, found.path, found.isCollection))}</D:href>${shown.join('')}</D:response></D:multistatus>\n`;
  return multistatus(once(text));
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

const ignoreMissing = (cause: unknown): void => {
  if (cause instanceof Error && 'errno' in cause && cause.errno === 'ENODATA') return;
  throw cause;
};

function updatesOf(body: string): Update[] {
  const updates = elementsOf(readRequest(body, 'propertyupdate')).flatMap((action) => {
    const isSet = isDav(action, 'set');
    const prop = davChild(action, 'prop');
    if (!(isSet || isDav(action, 'remove')) || !prop) return [];
    return elementsOf(prop).map((element): Update => {
      const { ns, local } = element;
      return { name: { ns, local }, value: isSet ? { ns, local, content: contentXml(element) } : undefined };
    });
  });
  if (updates.length === 0) throw new DavFailure(400, 'propertyupdate sets and removes nothing');
  return updates;
}
