"""What a tar says of every entry, in the form of scripts/fixtures/listing.py: read by Python's tarfile, which we did not write."""

import base64
import decimal
import hashlib
import struct
import tarfile

import listing

TYPES = {tarfile.REGTYPE: 'file', tarfile.AREGTYPE: 'file', tarfile.GNUTYPE_SPARSE: 'file', tarfile.LNKTYPE: 'hardlink',
         tarfile.SYMTYPE: 'link', tarfile.DIRTYPE: 'dir', tarfile.CHRTYPE: 'char', tarfile.BLKTYPE: 'block', tarfile.FIFOTYPE: 'fifo'}
XATTR = 'SCHILY.xattr.'
ACLS = {'SCHILY.acl.access': 'system.posix_acl_access', 'SCHILY.acl.default': 'system.posix_acl_default'}
ACL_TAGS = {'user': (1, 2), 'group': (4, 8), 'mask': (16, 16), 'other': (32, 32)}


def raw_bytes(text: str) -> bytes:
    return text.encode('utf-8', 'surrogateescape')


def clean(name: str) -> bytes:
    """`./a/b/` is a/b, `./` is `.`."""
    return b'/'.join(part for part in raw_bytes(name).split(b'/') if part not in (b'', b'.')) or b'.'


def mtime_of(member: tarfile.TarInfo) -> list:
    exact = decimal.Decimal(member.pax_headers.get('mtime', str(int(member.mtime))))
    ns = int((exact * 10**9).to_integral_value(decimal.ROUND_FLOOR))
    return [ns // 10**9, ns % 10**9]


def acl_of(name: str, text: str) -> bytes:
    """`user::rw-,user:NAME:r--:1000,…` (star's form; the id stands last, or in the place of the name) as the kernel's xattr has it,
    or nothing if it is no ACL."""
    entries = []
    for line in text.replace('\n', ',').split(','):
        if not line.strip():
            continue
        kind, who, perms, *number = line.strip().split(':')
        named = bool(who)
        perm = sum(bit for bit, letter in ((4, 'r'), (2, 'w'), (1, 'x')) if letter in perms)
        number_of = int(number[0] if number else who) if named else 0xffffffff
        entries.append((ACL_TAGS[kind][named], perm, number_of))
    if name == 'system.posix_acl_access' and len(entries) == 3:
        return b''  # says what the mode says
    order = sorted(entries, key=lambda entry: (entry[0], entry[2]))
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in order) if order else b''


def xattrs_of(member: tarfile.TarInfo) -> dict:
    found = {key[len(XATTR):]: raw_bytes(value) for key, value in member.pax_headers.items() if key.startswith(XATTR)}
    for key, name in ACLS.items():
        if key in member.pax_headers:
            value = acl_of(name, member.pax_headers[key])
            if value and found.setdefault(name, value) != value:
                raise ValueError(f'{member.name}: {key} and {XATTR}{name} are not the same ACL')
    return {key: base64.b64encode(value).decode() for key, value in found.items()}


def data_of(sparse: list, size: int) -> list:
    """The extents of a sparse map, joined; none if they cover the file."""
    joined: list = []
    for offset, length in sparse:
        if joined and sum(joined[-1]) == offset:
            joined[-1][1] += length
        elif length:
            joined.append([offset, length])
    return [] if joined == [[0, size]] else [joined]


def list_tar(path: str) -> list:
    entries: list = []
    by_path: dict = {}
    with tarfile.open(path, encoding='utf-8', errors='surrogateescape') as tar:
        for member in tar:
            # tarfile lets `path`, the stand-in name of a sparse file, win over the real one.
            name = clean(member.pax_headers.get('GNU.sparse.name', member.name))
            entry = listing.text('path', name)
            kind = TYPES[member.type]
            if kind == 'hardlink':
                first = by_path[clean(member.linkname)]
                first |= listing.text('group', clean(member.linkname))
                entry = {**first, **entry}
                if 'path' in entry and 'path64' in entry:
                    entry.pop('path64' if 'path' in listing.text('path', name) else 'path')
            else:
                entry |= {'type': kind, 'mode': member.mode, 'uid': member.uid, 'gid': member.gid, 'mtime': mtime_of(member)}
                xattrs = xattrs_of(member)
                if xattrs:
                    entry['xattrs'] = xattrs
                if kind == 'link':
                    entry |= listing.text('target', raw_bytes(member.linkname))
                elif kind in ('char', 'block'):
                    entry['rdev'] = [member.devmajor, member.devminor]
                elif kind == 'file':
                    entry['size'] = member.size
                    if member.sparse is not None:
                        for extents in data_of(member.sparse, member.size):
                            entry['data'] = extents
                    if member.size:
                        digest = hashlib.sha256()
                        content = tar.extractfile(member)
                        while piece := content.read(1 << 20):
                            digest.update(piece)
                        entry['sha256'] = digest.hexdigest()
            by_path[name] = entry
            entries.append(entry)
    return listing.regroup(entries)
