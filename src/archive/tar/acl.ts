/** POSIX ACLs from the text form of acl(5), as tars have it, to the form that Linux keeps (include/uapi/linux/posix_acl_xattr.h). */

import type { Raw } from './raw.ts';

const VERSION = 2;
const NO_ID = 0xffffffff;

/** Tags without and with an id, in the order of their numbers and so of Linux. */
const tags: Readonly<Record<string, readonly [own: number, named?: number]>> = {
  user: [0x01, 0x02],
  u: [0x01, 0x02],
  group: [0x04, 0x08],
  g: [0x04, 0x08],
  mask: [0x10],
  m: [0x10],
  other: [0x20],
  o: [0x20],
};

const [OWNER, GROUP, MASK, OTHER] = [0x01, 0x04, 0x10, 0x20];
const PLAIN: readonly number[] = [OWNER, GROUP, OTHER];

/** Permissions where there is an access ACL: Linux keeps both alike, the group's as the mask has them where there is one. */
export function modeByAcl(mode: number, acl: Uint8Array): number {
  const view = new DataView(acl.buffer, acl.byteOffset, acl.byteLength);
  const bits = new Map<number, number>();
  for (let at = 4; at + 8 <= acl.length; at += 8) bits.set(view.getUint16(at, true), view.getUint16(at + 2, true) & 7);
  const [owner, group, other] = [bits.get(OWNER), bits.get(MASK) ?? bits.get(GROUP), bits.get(OTHER)];
  if (owner === undefined || group === undefined || other === undefined) return mode;
  return (mode & ~0o777) | (owner << 6) | (group << 3) | other;
}

interface AclEntry {
  readonly tag: number;
  readonly permissions: number;
  readonly id: number;
}

/**
 * Undefined where it names users or groups and not their numbers, or is no ACL; of an access ACL also where the mode says as
 * much: Linux keeps none then. A default ACL as short as that is one.
 */
export function aclOf(text: Raw, kind: 'access' | 'default'): Uint8Array | undefined {
  const lines = text.split(/[,\n]/).map((line) => line.replace(/#.*/, '').trim());
  const entries: AclEntry[] = [];
  for (const line of lines.filter((line) => line !== '')) {
    const entry = entryOf(line);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  if (entries.length === 0 || (kind === 'access' && entries.every(({ tag }) => PLAIN.includes(tag)))) return undefined;
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
  const bytes = new Uint8Array(4 + 8 * entries.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  for (const [index, { tag, permissions, id }] of entries.entries()) {
    view.setUint16(4 + 8 * index, tag, true);
    view.setUint16(6 + 8 * index, permissions, true);
    view.setUint32(8 + 8 * index, id, true);
  }
  return bytes;
}

/** "user:joe:rw-", where star adds the number behind: "user:joe:rw-:1000". */
function entryOf(line: string): AclEntry | undefined {
  const [kind = '', name = '', bits = '', number = ''] = line.split(':');
  const found = tags[kind];
  if (found === undefined || !/^[-rwx]{0,3}$/.test(bits)) return undefined;
  const permissions = (bits.includes('r') ? 4 : 0) | (bits.includes('w') ? 2 : 0) | (bits.includes('x') ? 1 : 0);
  const [own, named] = found;
  if (name === '') return { tag: own, permissions, id: NO_ID };
  const id = /^\d+$/.test(number) ? Number(number) : /^\d+$/.test(name) ? Number(name) : undefined;
  return named === undefined || id === undefined || id >= NO_ID ? undefined : { tag: named, permissions, id };
}
