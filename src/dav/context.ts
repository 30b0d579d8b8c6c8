/** What the methods of WebDAV work on. */

import type { Tree } from '../tree/tree.ts';
import type { TreeChanges } from '../tree/write/changes.ts';
import type { ConditionList } from './if-header.ts';
import type { Locks } from './locks.ts';
import { hrefOf, type Place, placeOf } from './paths.ts';

export interface DavTree {
  readonly tree: Tree;
  readonly changes: TreeChanges;
}

/** One request. */
export interface DavContext extends DavTree {
  readonly request: Request;
  readonly place: Place;
  /** What URLs of the tree begin with: a path that ends in a slash. */
  readonly prefix: string;
  readonly locks: Locks;
  /** Of the header If. */
  readonly lists: readonly ConditionList[];
  readonly tokens: ReadonlySet<string>;
  /** A name that no other has. */
  readonly uniqueName: () => string;
  readonly receiving: Receiving;
}

/** Of one tree as long as it is served: files that are being received under names of their own. */
export interface Receiving {
  readonly names: Set<string>;
  /** Directories in which what was left by others is gone. */
  readonly looked: Set<string>;
}

/** The path of another URL of this server, absolute or not; undefined: it is of another. */
export function placeOfUrl({ request, prefix }: DavContext, url: string): Place | undefined {
  const base = new URL(request.url);
  if (!URL.canParse(url, base)) return undefined;
  const { host, pathname } = new URL(url, base);
  return host === base.host ? placeOf(pathname, prefix) : undefined;
}

export const href = ({ prefix }: DavContext, path: Uint8Array, isCollection: boolean): string =>
  hrefOf(prefix, path, isCollection);
