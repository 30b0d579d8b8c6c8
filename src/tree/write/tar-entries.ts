/** A tar as a tree on its way into an image. */

import type { TarMember } from '../../archive/tar/tar-reader.ts';
import type { Entry, PathChange } from './entry.ts';

const SLASH = 0x2f;

/** Directories that are remembered. */
const MOST_KNOWN = 100_000;

export interface TarEntriesOptions {
  /** Below which all comes: bytes, without slashes at its ends. */
  readonly at?: Uint8Array | undefined;
}

/**
 * The entries of a tar. Directories that the tar does not name are made with usual permissions and left alone where they
 * are there, a symlink to one too. A path means what it would with the top as root: slashes at its front are left out, and
 * ".." goes up as far as the top; the entry says so (`changes`).
 */
export async function* tarEntries(
  tar: AsyncIterable<TarMember>,
  { at = new Uint8Array() }: TarEntriesOptions = {},
): AsyncGenerator<Entry> {
  const prefix = toChars(at);
  let changes: PathChange[] = [];
  const place = (path: Uint8Array): string => {
    const { parts, isAbove } = partsOf(path);
    if (isAbove) changes.push({ kind: 'above', path });
    else if (path[0] === SLASH && parts.length > 0) changes.push({ kind: 'absolute', path });
    return [prefix, ...parts].filter((part) => part !== '').join('/');
  };
  /** Known to be there. */
  const directories = new Set(['', ...above(`${prefix}/x`)]);
  const known = (directory: string) => {
    // What is there already is left alone when it comes again.
    if (directories.size >= MOST_KNOWN) directories.clear();
    directories.add(directory);
  };
  for await (const member of tar) {
    changes = [];
    const path = place(member.path);
    const target = member.type === 'hardlink' ? toBytes(place(member.linkPath)) : undefined;
    for (const directory of above(path)) {
      if (directories.has(directory)) continue;
      known(directory);
      yield { type: 'directory', implied: true, path: toBytes(directory), attributes: {} };
    }
    const { mode, uid, gid, mtimeNs, atimeNs, xattrs } = member;
    const attributes = { mode, uid, gid, mtimeNs, xattrs, ...(atimeNs !== undefined && { atimeNs }) };
    const entry = { path: toBytes(path), attributes, ...(changes.length > 0 && { changes }) };
    // What replaces a directory is none: the next one below it asks again.
    if (member.type !== 'directory') directories.delete(path);
    switch (member.type) {
      case 'directory':
        known(path);
        yield { ...entry, type: 'directory' };
        break;
      case 'file':
        yield { ...entry, type: 'file', content: () => member.content() };
        break;
      case 'symlink':
        yield { ...entry, type: 'symlink', target: member.linkPath };
        break;
      case 'hardlink':
        yield { ...entry, type: 'hardlink', target: target ?? new Uint8Array() };
        break;
      case 'fifo':
        yield { ...entry, type: 'fifo' };
        break;
      default:
        yield { ...entry, type: member.type, device: member.device };
    }
  }
}

const toChars = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
const toBytes = (chars: string): Uint8Array => Uint8Array.from(chars, (char) => char.charCodeAt(0));

/** From the top on; `isAbove`: it would have left that. */
function partsOf(path: Uint8Array): { readonly parts: readonly string[]; readonly isAbove: boolean } {
  const parts: string[] = [];
  let isAbove = false;
  for (const part of toChars(path).split(String.fromCharCode(SLASH))) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) isAbove = true;
  }
  return { parts, isAbove };
}

/** The directories on the way to a path, the first first. */
function above(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'));
}
