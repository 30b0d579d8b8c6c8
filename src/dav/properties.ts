/** Properties of a resource: those that the protocol has, and those that clients set, which are extended attributes. */

import { toHex } from '../bytes/hex.ts';
import { inNs } from '../kernel/syscalls/file.ts';
import type { Tree } from '../tree/tree.ts';
import type { Lock, Locks } from './locks.ts';
import { keyOf } from './paths.ts';
import { etagOf, modifiedOf, type Resource, treePath } from './resource.ts';
import { DAV, emptyTag, type Name, wrapped } from './xml.ts';

const LOCK_KINDS = ['exclusive', 'shared'] as const;

export interface PropertyNeeds {
  readonly tree: Tree;
  readonly locks: Locks;
  /** What a URL of the tree begins with. */
  readonly href: (root: string) => string;
}

/** A property as XML, the element itself. */
type Live = (resource: Resource, needs: PropertyNeeds) => string | undefined | Promise<string | undefined>;

const plain = (name: string, value: string): string => `<D:${name}>${value}</D:${name}>`;

/** RFC 4918, section 15, and RFC 4331. Undefined: not of this resource. */
const live: Readonly<Record<string, Live>> = {
  creationdate: ({ stat }) => {
    const { sec } = stat.btime;
    const ns = sec === 0n ? inNs(stat.ctime) : inNs(stat.btime);
    return plain('creationdate', new Date(Number(ns / 1_000_000n)).toISOString());
  },
  getcontentlength: ({ stat, isCollection }) =>
    isCollection ? undefined : plain('getcontentlength', String(stat.size)),
  getcontenttype: ({ isCollection }) =>
    isCollection ? undefined : plain('getcontenttype', 'application/octet-stream'),
  getetag: (resource) => (resource.isCollection ? undefined : plain('getetag', etagOf(resource))),
  getlastmodified: (resource) => plain('getlastmodified', modifiedOf(resource).toUTCString()),
  resourcetype: ({ isCollection }) =>
    isCollection ? '<D:resourcetype><D:collection/></D:resourcetype>' : '<D:resourcetype/>',
  supportedlock: () => {
    const entry = (kind: string) =>
      `<D:lockentry><D:lockscope><D:${kind}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`;
    return plain('supportedlock', LOCK_KINDS.map(entry).join(''));
  },
  lockdiscovery: ({ path }, { locks, href }) => lockDiscovery(locks.over(keyOf(path)), locks, href),
  'quota-available-bytes': async ({ isCollection }, { tree }) => {
    if (!isCollection) return undefined;
    const { bavail, bsize } = await tree.statfs();
    return plain('quota-available-bytes', String(bavail * bsize));
  },
  'quota-used-bytes': async ({ isCollection }, { tree }) => {
    if (!isCollection) return undefined;
    const { blocks, bfree, bsize } = await tree.statfs();
    return plain('quota-used-bytes', String((blocks - bfree) * bsize));
  },
};

export const isLive = ({ ns, local }: Name): boolean => ns === DAV && Object.hasOwn(live, local);

export function lockDiscovery(all: readonly Lock[], locks: Locks, href: PropertyNeeds['href']): string {
  const active = all.map(
    (lock) =>
      `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${lock.isExclusive ? 'exclusive' : 'shared'}/></D:lockscope>` +
      `<D:depth>${lock.isDeep ? 'infinity' : '0'}</D:depth>${lock.owner}<D:timeout>Second-${locks.secondsOf(lock)}</D:timeout>` +
      `<D:locktoken><D:href>${lock.token}</D:href></D:locktoken><D:lockroot><D:href>${href(lock.root)}</D:href></D:lockroot></D:activelock>`,
  );
  return plain('lockdiscovery', active.join(''));
}

/** What a client set: the element's name, and what is in it as `contentXml` writes it. */
export interface Dead extends Name {
  readonly content: string;
}

const PREFIX = 'user.dav.';
/** Of a hash: file systems have little room for attributes, some a KB a file. */
const HASH_DIGITS = 16;

/** In the attribute: namespace, name and content, a line each; none of the first two has a line break. */
export const encodeDead = ({ ns, local, content }: Dead): Uint8Array =>
  new TextEncoder().encode(`${ns}\n${local}\n${content}`);

function decodeDead(value: Uint8Array): Dead | undefined {
  const [, ns, local, content] = /^(.*)\n(.*)\n([\s\S]*)$/.exec(new TextDecoder().decode(value)) ?? [];
  return ns === undefined || !local || content === undefined ? undefined : { ns, local, content };
}

/** Names of properties are longer than those of attributes may be: they are kept in the value. */
export async function attributeOf({ ns, local }: Name): Promise<string> {
  const bytes = new TextEncoder().encode(`${ns}\n${local}`);
  return PREFIX + toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))).slice(0, HASH_DIGITS);
}

async function deadOf(tree: Tree, path: Uint8Array): Promise<Dead[]> {
  const found: Dead[] = [];
  for (const { name, value } of await tree.xattrs(treePath(path))) {
    const text = typeof name === 'string' ? name : new TextDecoder().decode(name);
    if (!text.startsWith(PREFIX)) continue;
    const dead = decodeDead(value);
    if (dead) found.push(dead);
  }
  return found;
}

export type Wanted =
  | { readonly kind: 'all'; readonly also: readonly Name[] }
  | { readonly kind: 'names' }
  | { readonly kind: 'some'; readonly names: readonly Name[] };

/** The properties there are, and those that were asked for by name and are not there: elements as XML. */
export interface FoundProperties {
  readonly found: readonly string[];
  readonly missing: readonly string[];
}

export async function propertiesOf(resource: Resource, wanted: Wanted, needs: PropertyNeeds): Promise<FoundProperties> {
  const found: string[] = [];
  const missing: string[] = [];
  const names = wanted.kind === 'some' ? wanted.names : wanted.kind === 'all' ? wanted.also : [];
  // Most clients ask for what the protocol has alone: then no attribute need be read.
  const dead =
    wanted.kind !== 'some' || names.some((name) => !isLive(name)) ? await deadOf(needs.tree, resource.path) : [];
  if (wanted.kind !== 'some') {
    for (const [local, read] of Object.entries(live)) {
      // RFC 4331, section 2: not unless they are asked for.
      if (wanted.kind === 'all' && local.startsWith('quota-')) continue;
      const xml = await read(resource, needs);
      if (xml !== undefined) found.push(wanted.kind === 'names' ? `<D:${local}/>` : xml);
    }
    for (const one of dead) found.push(wanted.kind === 'names' ? emptyTag(one) : wrapped(one, one.content));
  }
  for (const name of names) {
    const set = dead.find(({ ns, local }) => ns === name.ns && local === name.local);
    const xml = isLive(name) ? await live[name.local]?.(resource, needs) : set && wrapped(set, set.content);
    if (xml !== undefined) found.push(xml);
    else if (wanted.kind === 'some') missing.push(emptyTag(name));
  }
  return { found, missing };
}
