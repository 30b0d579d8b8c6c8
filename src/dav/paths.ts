/** Paths of WebDAV's URLs: bytes from the root of the file system, names parted by slashes, none at either end; '' is the root. */

import { fromPercent, toPercent } from '../bytes/percent.ts';
import { DavFailure } from './failure.ts';

const SLASH = 0x2f;
const decoder = new TextDecoder('latin1');

export interface Place {
  readonly path: Uint8Array;
  /** The URL ends with a slash: a collection is meant. */
  readonly isCollection: boolean;
}

/** `prefix` is what URLs of the tree begin with, ending in a slash. Undefined: the URL is of something else. */
export function placeOf(pathname: string, prefix: string): Place | undefined {
  if (`${pathname}/` === prefix) return { path: new Uint8Array(0), isCollection: true };
  if (!pathname.startsWith(prefix)) return undefined;
  const bytes = fromPercent(pathname.slice(prefix.length));
  const isCollection = bytes.length === 0 || bytes.at(-1) === SLASH;
  const path = isCollection ? bytes.subarray(0, bytes.length - 1) : bytes;
  const names = keyOf(path).split('/');
  const isWrong =
    path.length > 0 && names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'));
  if (isWrong) throw new DavFailure(400, 'the path has a name that no file can have');
  return { path: Uint8Array.from(path), isCollection };
}

/** Equal for equal bytes, and in their order. */
export const keyOf = (path: Uint8Array): string => decoder.decode(path);

export const parentOf = (path: Uint8Array): Uint8Array => path.subarray(0, Math.max(0, path.lastIndexOf(SLASH)));
export const nameOf = (path: Uint8Array): Uint8Array => path.subarray(path.lastIndexOf(SLASH) + 1);

/** Whether `inner` is `outer` or lies below it. */
export function isWithin(outer: string, inner: string): boolean {
  return outer === '' || inner === outer || inner.startsWith(`${outer}/`);
}

export const hrefOf = (prefix: string, path: Uint8Array, isCollection: boolean): string =>
  `${prefix}${toPercent(path)}${isCollection && path.length > 0 ? '/' : ''}`;
