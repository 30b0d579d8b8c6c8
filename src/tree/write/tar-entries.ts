/** A tar as a tree on its way into an image. */

import type { TarMember } from '../../archive/tar-reader.ts';
import type { Entry } from './entry.ts';

const SLASH = 0x2f;

/**
 * The entries of a tar, their paths below `at` (bytes, without slashes at its ends). Directories that the tar does not name are made
 * with usual permissions and left alone where they are there. Slashes at the front, "." and ".." of paths are left out.
 */
export async function* tarEntries(tar: AsyncIterable<TarMember>, at = new Uint8Array()): AsyncGenerator<Entry> {
  const prefix = toChars(at);
  const place = (path: Uint8Array) => [prefix, ...partsOf(path)].filter((part) => part !== '').join('/');
  /** Known to be there. */
  const directories = new Set(['', ...above(`${prefix}/x`)]);
  for await (const member of tar) {
    const path = place(member.path);
    for (const directory of above(path)) {
      if (directories.has(directory)) continue;
      directories.add(directory);
      yield { type: 'directory', path: toBytes(directory), attributes: {} };
    }
    const { mode, uid, gid, mtimeNs, atimeNs, xattrs } = member;
    const attributes = { mode, uid, gid, mtimeNs, xattrs, ...(atimeNs !== undefined && { atimeNs }) };
    const entry = { path: toBytes(path), attributes };
    switch (member.type) {
      case 'directory':
        directories.add(path);
        yield { ...entry, type: 'directory' };
        break;
      case 'file':
        yield { ...entry, type: 'file', content: () => member.content() };
        break;
      case 'symlink':
        yield { ...entry, type: 'symlink', target: member.linkPath };
        break;
      case 'hardlink':
        yield { ...entry, type: 'hardlink', target: toBytes(place(member.linkPath)) };
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

const partsOf = (path: Uint8Array): string[] =>
  toChars(path)
    .split(String.fromCharCode(SLASH))
    .filter((part) => part !== '' && part !== '.' && part !== '..');

/** The directories on the way to a path, the first first. */
function above(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'));
}
