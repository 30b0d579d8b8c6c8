/** POSIX ACLs from the form Linux keeps in `system.posix_acl_*` to the text form of acl(5) that tars carry. */

// include/uapi/linux/posix_acl_xattr.h: a __le32 version, then entries of __le16 tag, __le16 permissions, __le32 id.
const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;

const tagNames = new Map([
  [0x01, 'user'],
  [0x02, 'user'],
  [0x04, 'group'],
  [0x08, 'group'],
  [0x10, 'mask'],
  [0x20, 'other'],
]);
const NAMED_USER = 0x02;
const NAMED_GROUP = 0x08;

/** The ACL as "user::rw-,user:1000:r--,…" with numeric ids; undefined when `value` is not an ACL of the known version. */
export function posixAclText(value: Uint8Array): string | undefined {
  const data = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const entries = (value.length - HEADER_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(entries) || entries < 1 || data.getUint32(0, true) !== VERSION) return undefined;
  const lines: string[] = [];
  for (let at = HEADER_BYTES; at < value.length; at += ENTRY_BYTES) {
    const tag = data.getUint16(at, true);
    const name = tagNames.get(tag);
    if (name === undefined) return undefined;
    const id = tag === NAMED_USER || tag === NAMED_GROUP ? data.getUint32(at + 4, true) : '';
    const bits = data.getUint16(at + 2, true);
    lines.push(`${name}:${id}:${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`);
  }
  return lines.join(',');
}

const tags: Readonly<Record<string, readonly [own: number, named: number]>> = {
  user: [0x01, NAMED_USER],
  group: [0x04, NAMED_GROUP],
  mask: [0x10, 0],
  other: [0x20, 0],
};
const letters: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1, '-': 0 };
const NO_ID = 0xffff_ffff;

/**
 * The other way round: entries parted by commas or newlines, "user:1000:r--", or with a name and its number last, as star writes
 * them. Undefined where a name has no number, or it is no ACL: names are of another machine.
 */
export function posixAclValue(text: string): Uint8Array | undefined {
  const entries: { readonly tag: number; readonly bits: number; readonly id: number }[] = [];
  for (const line of text.split(/[,\n]/).map((entry) => entry.replace(/#.*/, '').trim())) {
    if (line === '') continue;
    const [, kind = '', name = '', permissions = '', number] =
      /^(user|group|mask|other|u|g|m|o):([^:]*):([rwx-]{0,3})(?::(\d+))?$/.exec(line) ?? [];
    const word = { u: 'user', g: 'group', m: 'mask', o: 'other' }[kind] ?? kind;
    const [own, named] = tags[word] ?? [];
    if (own === undefined || named === undefined) return undefined;
    const id = name === '' ? NO_ID : Number(number ?? name);
    if (name !== '' && (named === 0 || !Number.isSafeInteger(id) || id >= NO_ID)) return undefined;
    const bits = [...permissions].reduce((sum, letter) => sum | (letters[letter] ?? 0), 0);
    entries.push({ tag: name === '' ? own : named, bits, id });
  }
  if (entries.length === 0) return undefined;
  // The kernel wants them in the order of their tags, and of ids.
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
  const value = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES);
  const data = new DataView(value.buffer);
  data.setUint32(0, VERSION, true);
  entries.forEach(({ tag, bits, id }, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    data.setUint16(at, tag, true);
    data.setUint16(at + 2, bits, true);
    data.setUint32(at + 4, id, true);
  });
  return value;
}
