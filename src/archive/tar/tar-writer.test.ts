import { unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { concat } from '../../bytes/concat.ts';
import { dataBytes, entryHeader, padding, type TarEntry, trailer } from './tar-writer.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const fromHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

const plain = {
  type: 'file',
  path: utf8('./plain'),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeNs: 1_700_000_000_000_000_000n,
} as const satisfies TarEntry;

/** The whole archive of one entry. */
function tar(entry: TarEntry, data: Uint8Array = new Uint8Array()): Uint8Array {
  const parts = [entryHeader(entry), data, padding(data.length), trailer()];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The entry as an independent reader sees it. */
async function readBack(entry: TarEntry, data?: Uint8Array) {
  const [found, ...more] = await unpackTar(tar(entry, data), { strict: true });
  expect(more).toEqual([]);
  if (!found) throw new Error('an empty archive');
  return found;
}

/** The records of the extended header, each char a byte. */
function records(entry: TarEntry): Record<string, string> {
  const bytes = entryHeader(entry);
  if (bytes[156] !== 'x'.charCodeAt(0)) return {};
  const found: Record<string, string> = {};
  let rest = text(bytes.subarray(512, 512 + Number.parseInt(text(bytes.subarray(124, 135)), 8)));
  while (rest !== '') {
    const record = rest.slice(0, Number.parseInt(rest, 10));
    const [, key, value] = /^\d+ ([^=]*)=(.*)\n$/s.exec(record) ?? [];
    if (key === undefined || value === undefined) throw new Error(`not a record: ${record}`);
    found[key] = value;
    rest = rest.slice(record.length);
  }
  return found;
}

/** The ustar header: the last block before the data of an entry without holes. */
const ustar = (entry: TarEntry) => entryHeader(entry).subarray(-512);

describe('entryHeader', () => {
  it('of a plain file is the block that GNU tar --format=ustar writes', async () => {
    const digest = await crypto.subtle.digest('SHA-256', concat([entryHeader({ ...plain, size: 5 })]));
    expect(toHex(new Uint8Array(digest))).toBe('fdf31a148e820ea787012baf3555d8e332d3a09e8ada1515171e7c7484328431');
  });

  it.each([
    [{ ...plain, size: 5 }, 'file'],
    [{ ...plain, type: 'hardlink', linkPath: utf8('./first') }, 'link'],
    [{ ...plain, type: 'symlink', linkPath: utf8('../first') }, 'symlink'],
    [{ ...plain, type: 'char', device: { major: 4095, minor: 1_048_575 } }, 'character-device'],
    [{ ...plain, type: 'block', device: { major: 8, minor: 1 } }, 'block-device'],
    [{ ...plain, type: 'directory' }, 'directory'],
    [{ ...plain, type: 'fifo' }, 'fifo'],
  ] as const satisfies [TarEntry, string][])('reads back: $1', async (entry, type) => {
    const found = await readBack(entry, utf8('hello').subarray(0, dataBytes(entry)));
    expect(found.header).toMatchObject({ type, mode: 0o644, uid: 0, gid: 0, size: dataBytes(entry) });
    expect(found.header.linkname ?? '').toBe('linkPath' in entry ? text(entry.linkPath) : '');
    expect(found.header.mtime?.getTime()).toBe(1_700_000_000_000);
  });

  it('puts device numbers in octal where ustar has them', () => {
    const block = ustar({ ...plain, type: 'block', device: { major: 4095, minor: 1_048_575 } });
    expect(text(block.subarray(329, 345))).toBe('0007777\0' + '3777777\0');
  });

  it('gives a directory a trailing slash, the root too', async () => {
    expect((await readBack({ ...plain, type: 'directory', path: utf8('.') })).header.name).toBe('./');
  });

  it.each([100, 101, 254, 255, 256, 257, 5000])('keeps a path of %i bytes, with slashes or without', async (length) => {
    for (const path of ['./'.padEnd(length, 'n'), './'.padEnd(length, 'directory/'), `./${'d'.repeat(length - 4)}/f`]) {
      expect((await readBack({ ...plain, path: utf8(path) })).header.name).toBe(path);
      const directory = await readBack({ ...plain, type: 'directory', path: utf8(path) });
      expect(directory.header.name).toBe(`${path}/`);
    }
  });

  it('splits a long path at a slash instead of spending an extended header', () => {
    const path = `./${'d'.repeat(153)}/${'f'.repeat(100)}`;
    expect(records({ ...plain, path: utf8(path) })).toEqual({});
    expect(records({ ...plain, path: utf8(`${path}f`) })).toEqual({ path: `${path}f` });
  });

  it.each([100, 101, 255, 256, 4095])('keeps a link target of %i bytes', async (length) => {
    const target = 't'.repeat(length);
    const { header } = await readBack({ ...plain, type: 'symlink', linkPath: utf8(target) });
    expect(header.linkname).toBe(target);
  });

  it('says UTF-8 names in records and in the header', async () => {
    const entry: TarEntry = { ...plain, type: 'symlink', path: utf8('./é'), linkPath: utf8('日本') };
    expect((await readBack(entry)).header).toMatchObject({ name: './é', linkname: '日本' });
    expect(text(ustar(entry).subarray(0, 5))).toBe('./\xc3\xa9\0');
    expect(records(entry)).not.toHaveProperty('hdrcharset');
  });

  it('keeps names that are not UTF-8 and says so first', () => {
    const entry: TarEntry = { ...plain, type: 'symlink', path: latin1('./\xff'), linkPath: latin1('\xe9') };
    expect(records(entry)).toEqual({ hdrcharset: 'BINARY', path: './\xff', linkpath: '\xe9' });
    expect(Object.keys(records(entry))[0]).toBe('hdrcharset');
  });

  it('puts ids above seven octal digits in records', () => {
    const entry: TarEntry = { ...plain, uid: 2_097_151, gid: 2_097_152 };
    expect(records(entry)).toEqual({ gid: '2097152' });
    expect(records({ ...plain, uid: 4_294_967_294 })).toEqual({ uid: '4294967294' });
    expect(text(ustar(entry).subarray(108, 124))).toBe('7777777\0' + '7777777\0');
  });

  it.each([
    [1_700_000_000_000_000_001n, '1700000000.000000001'],
    [500_000_000n, '0.500000000'],
    [-1n, '-0.000000001'],
    [-1_500_000_000n, '-1.500000000'],
    [-2_000_000_000_000_000_000n, '-2000000000.000000000'],
    [8_589_934_592_000_000_000n, '8589934592.000000000'],
  ])('puts the time %s in a record', (mtimeNs, mtime) => {
    expect(records({ ...plain, mtimeNs })).toEqual({ mtime });
  });

  it.each([0n, 8_589_934_591_000_000_000n])('spends no record on the time %s', (mtimeNs) => {
    expect(records({ ...plain, mtimeNs })).toEqual({});
  });

  it('puts a size of 8 GiB in a record', () => {
    expect(records({ ...plain, size: 2 ** 33 - 1 })).toEqual({});
    expect(records({ ...plain, size: 2 ** 33 })).toEqual({ size: '8589934592' });
  });

  it('has every attribute, sorted, its value untouched', () => {
    const xattrs = [
      { name: utf8('user.b'), value: latin1('\0\xff=\n') },
      { name: utf8('user.a'), value: utf8('v'.repeat(1000)) },
      { name: latin1('user.\xff'), value: utf8('') },
      { name: utf8('security.capability'), value: latin1('\x01\0\0\x02') },
    ];
    const found = records({ ...plain, xattrs });
    expect(Object.keys(found)).toEqual([
      'SCHILY.xattr.security.capability',
      'SCHILY.xattr.user.a',
      'SCHILY.xattr.user.b',
      'SCHILY.xattr.user.\xff',
    ]);
    expect(found['SCHILY.xattr.user.b']).toBe('\0\xff=\n');
  });

  it('escapes attribute names as GNU tar reads them', () => {
    const xattrs = ['user.a=b', 'user.50%', 'user.%3D', 'user.%25'].map((name) => ({
      name: utf8(name),
      value: utf8('v'),
    }));
    expect(Object.keys(records({ ...plain, xattrs }))).toEqual([
      'SCHILY.xattr.user.%2525',
      'SCHILY.xattr.user.%253D',
      'SCHILY.xattr.user.50%',
      'SCHILY.xattr.user.a%3Db',
    ]);
  });

  it('has ACLs as text and as the attribute', () => {
    // getfacl: user::rw-, user:1000:rwx, group::r--, group:33:r-x, mask::rwx, other::---
    const acl = fromHex(
      '02000000' +
        '01000600ffffffff' +
        '02000700e8030000' +
        '04000400ffffffff' +
        '0800050021000000' +
        '10000700ffffffff' +
        '20000000ffffffff',
    );
    const xattrs = [{ name: utf8('system.posix_acl_access'), value: acl }];
    expect(records({ ...plain, xattrs })).toEqual({
      'SCHILY.acl.access': 'user::rw-,user:1000:rwx,group::r--,group:33:r-x,mask::rwx,other::---',
      'SCHILY.xattr.system.posix_acl_access': text(acl),
    });
  });

  it('carries an ACL of an unknown form as the attribute alone', () => {
    for (const value of [
      utf8(''),
      utf8('short'),
      fromHex('030000000100060000000000'),
      fromHex('020000004000060000000000'),
    ]) {
      const xattrs = [{ name: utf8('system.posix_acl_default'), value }];
      expect(Object.keys(records({ ...plain, xattrs }))).toEqual(['SCHILY.xattr.system.posix_acl_default']);
    }
  });

  it('gives a sparse file a PAX 1.0 map before its data', () => {
    const entry: TarEntry = {
      ...plain,
      size: 20_000,
      segments: [
        { offset: 4096, length: 512 },
        { offset: 16_384, length: 3616 },
      ],
    };
    expect(records(entry)).toEqual({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': './plain',
      'GNU.sparse.realsize': '20000',
    });
    const bytes = entryHeader(entry);
    const map = '2\n4096\n512\n16384\n3616\n';
    expect(text(bytes.subarray(-512))).toBe(map.padEnd(512, '\0'));
    expect(text(bytes.subarray(-1024, -1024 + 23))).toBe('GNUSparseFile.0/plain\0\0');
    expect(Number.parseInt(text(bytes.subarray(-1024 + 124, -1024 + 135)), 8)).toBe(512 + 512 + 3616);
    expect(dataBytes(entry)).toBe(512 + 3616);
  });

  it('ends the map of a file that ends in a hole with an empty run', () => {
    const segments = [{ offset: 0, length: 4096 }];
    expect(text(entryHeader({ ...plain, size: 2 ** 40, segments }).subarray(-512))).toMatch(
      /^2\n0\n4096\n1099511627776\n0\n\0/,
    );
    expect(text(entryHeader({ ...plain, size: 4097, segments: [] }).subarray(-512))).toMatch(/^1\n4097\n0\n\0/);
  });

  it('of any kind is whole blocks', () => {
    for (const length of [1, 30, 411, 412, 413, 1000]) {
      const xattrs = [{ name: utf8('user.x'), value: utf8('v'.repeat(length)) }];
      expect(entryHeader({ ...plain, xattrs }).length % 512).toBe(0);
    }
  });

  it('refuses a number that ustar cannot hold and pax has no record for', () => {
    expect(() => entryHeader({ ...plain, type: 'char', device: { major: 2 ** 21, minor: 0 } })).toThrow(RangeError);
  });
});

it('padding fills the last block and no more', () => {
  expect([0, 1, 511, 512, 513].map((bytes) => padding(bytes).length)).toEqual([0, 511, 1, 0, 511]);
});
