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
