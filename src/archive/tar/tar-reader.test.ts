/** Tars of every make are read as they were meant: those of GNU tar in each of its formats, and our own writer's. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concat } from '../../bytes/concat.ts';
import { aclOf } from './acl.ts';
import { PaxRecords } from './pax.ts';
import { posixAclText } from './posix-acl.ts';
import { readTar, type TarMember } from './tar-reader.ts';
import { entryHeader, padding, trailer } from './tar-writer.ts';
import { ustarBlock } from './ustar.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-tar-reader-'));
const tree = join(folder, 'tree');
const deep = `${'long-'.repeat(18)}name`;
const hasGnuTar = /GNU tar/.test(spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout ?? '');

beforeAll(() => {
  mkdirSync(join(tree, deep, deep), { recursive: true });
  writeFileSync(join(tree, 'file'), 'content', { mode: 0o640 });
  writeFileSync(join(tree, deep, deep, 'leaf'), 'deep');
  writeFileSync(join(tree, 'ümläut'), '');
  symlinkSync(`${deep}/${deep}/leaf`, join(tree, 'soft'));
  linkSync(join(tree, 'file'), join(tree, 'hard'));
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  const fd = openSync(join(tree, 'sparse'), 'w');
  for (let i = 1; i < 40; i++) writeSync(fd, `part ${i}`, i * 100_000);
  ftruncateSync(fd, 5_000_000);
  closeSync(fd);
  utimesSync(join(tree, 'file'), 1, 1_000_000_000.5);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** In pieces that meet no boundary of a tar's. */
async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Read extends Omit<TarMember, 'content'> {
  readonly name: string;
  readonly data: Uint8Array;
  readonly holes: number;
}

async function all(bytes: Uint8Array, size?: number): Promise<Read[]> {
  const found: Read[] = [];
  for await (const member of readTar(pieces(bytes, size))) {
    const parts: Uint8Array[] = [];
    let holes = 0;
    for await (const piece of member.content()) {
      if (typeof piece === 'number') holes += piece;
      parts.push(typeof piece === 'number' ? new Uint8Array(piece) : piece.slice());
    }
    found.push({ ...member, name: Buffer.from(member.path).toString(), data: concat(parts), holes });
  }
  return found;
}

describe.skipIf(!hasGnuTar)(`GNU tar's${hasGnuTar ? '' : ' (there is none)'}`, () => {
  const made = (...args: string[]) =>
    execFileSync('tar', ['-C', folder, '-c', '--sort=name', ...args, 'tree'], { maxBuffer: 1 << 26 });

  it.each([
    ['gnu'],
    ['gnu', '--sparse'],
    ['oldgnu', '--sparse'],
    ['pax'],
    ['pax', '--sparse', '--sparse-version=0.0'],
    ['pax', '--sparse', '--sparse-version=0.1'],
    ['pax', '--sparse', '--sparse-version=1.0'],
  ])('%s %s %s', async (format, ...more) => {
    const read = await all(made(`--format=${format}`, ...more));
    const byName = new Map(read.map((member) => [member.name, member]));
    const leaf = byName.get(`tree/${deep}/${deep}/leaf`);
    expect(Buffer.from(leaf?.data ?? []).toString()).toBe('deep');
    const [file, hard] = [byName.get('tree/file'), byName.get('tree/hard')];
    expect([file?.type, hard?.type]).toEqual(['file', 'hardlink']);
    expect(file).toMatchObject({ mode: 0o640, size: 7 });
    expect(file?.mtimeNs).toBe(format === 'pax' ? 1_000_000_000_500_000_000n : 1_000_000_000_000_000_000n);
    expect(Buffer.from(hard?.linkPath ?? []).toString()).toBe('tree/file');
    expect(Buffer.from(byName.get('tree/soft')?.linkPath ?? []).toString()).toBe(`${deep}/${deep}/leaf`);
    expect(byName.get('tree/fifo')?.type).toBe('fifo');
    expect(byName.get(`tree/${deep}`)?.type).toBe('directory');
    expect(byName.has('tree/ümläut')).toBe(true);
    const sparse = byName.get('tree/sparse');
    expect(sparse?.size).toBe(5_000_000);
    for (let i = 1; i < 40; i++) {
      expect(Buffer.from(sparse?.data.subarray(i * 100_000, i * 100_000 + 6) ?? []).toString()).toBe(
        `part ${i}`.slice(0, 6),
      );
    }
    if (more.length > 0) expect(sparse?.holes).toBeGreaterThan(4_000_000);
  });

  it('entries that nobody reads are passed over, and any cut is an error', async () => {
    const tar = made('--format=pax', '--sparse');
    let count = 0;
    for await (const _ of readTar(pieces(tar, 777))) count++;
    expect(count).toBe((await all(tar, 1 << 20)).length);
    const whole = (await all(tar)).length;
    for (let at = 1; at < tar.length - 10240; at += 5113) {
      // Between two entries is no cut that a tar without an end mark could not have.
      const cut = await all(tar.subarray(0, at)).catch((cause: Error) => cause.message);
      if (typeof cut === 'string') expect(cut).toMatch(/the tar ends in the middle|it is no tar/);
      else expect(cut.length).toBeLessThanOrEqual(whole);
    }
  });
});

it('what our writer writes is read back: bytes in names, attributes, ids, times before 1970', async () => {
  const name = Uint8Array.of(0xff, 0x2f, 0xfe);
  const header = entryHeader({
    type: 'file',
    path: name,
    mode: 0o7777,
    uid: 4_000_000_000,
    gid: 5,
    mtimeNs: -1_500_000_000n,
    size: 3,
    xattrs: [{ name: Buffer.from('user.a=%'), value: Uint8Array.of(0, 10, 255) }],
  });
  const tar = concat([header, Buffer.from('abc'), padding(3), trailer()]);
  const [member] = await all(tar, 100);
  expect(member).toMatchObject({
    path: name,
    mode: 0o7777,
    uid: 4_000_000_000,
    gid: 5,
    mtimeNs: -1_500_000_000n,
    size: 3,
  });
  expect(member?.xattrs.get('user.a=%')).toEqual(Uint8Array.of(0, 10, 255));
});

it.each([
  ['nothing', new Uint8Array()],
  ['a text', Buffer.alloc(2000, 'no tar at all ')],
  ['one block', Buffer.alloc(512, 1)],
  ['a disk that begins with zeros', Buffer.concat([Buffer.alloc(1024), Buffer.alloc(512, 1)])],
])('%s is no tar', async (_, bytes) => {
  await expect(all(bytes)).rejects.toThrow('it is no tar');
});

it('an empty tar has no entries', async () => {
  expect(await all(new Uint8Array(10240))).toEqual([]);
  expect(await all(trailer())).toEqual([]);
});

it('ACLs come from text as they went', () => {
  const text = 'user::rwx,user:1000:r--,group::r-x,group:7:-w-,mask::rwx,other::---';
  const value = aclOf(text, 'access');
  expect(value && posixAclText(value)).toBe(text);
  const named = aclOf('user::rw-\nuser:joe:r--:503\ngroup::r--\nmask::r--\nother::r--\n', 'access');
  expect(named && posixAclText(named)).toBe('user::rw-,user:503:r--,group::r--,mask::r--,other::r--');
  for (const bad of ['', 'user:joe:r--', 'who::r--', 'user::rwq']) expect(aclOf(bad, 'access')).toBeUndefined();
});

it('a default ACL that says no more than a mode is one, an access ACL is not', () => {
  const text = 'user::rwx,group::r-x,other::---';
  expect(aclOf(text, 'access')).toBeUndefined();
  expect(posixAclText(aclOf(text, 'default') ?? new Uint8Array())).toBe('user::rwx,group::r-x,other::---');
});

it('attributes in the words of libarchive and of Red Hat are read, and damaged numbers are no zeros', async () => {
  const records = new PaxRecords();
  records.add('LIBARCHIVE.xattr.user.a%3Db', btoa('value').replaceAll('=', ''));
  records.add('RHT.security.selinux', 'system_u:object_r:etc_t:s0');
  const body = new Uint8Array(records.size);
  records.copyTo(body, 0);
  const fields = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
  const name = new TextEncoder().encode('file');
  const tar = concat([
    ustarBlock({ ...fields, name, typeflag: 'x', size: body.length }),
    body,
    padding(body.length),
    ustarBlock({ ...fields, name, typeflag: '0', size: 0 }),
    trailer(),
  ]);
  const [member] = await all(tar);
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
  expect(text(member?.xattrs.get('user.a=b'))).toBe('value');
  expect(text(member?.xattrs.get('security.selinux'))).toBe('system_u:object_r:etc_t:s0');

  const damaged = ustarBlock({ ...fields, name, typeflag: '0', size: 0 });
  damaged.set(new TextEncoder().encode('00000x00000'), 124);
  damaged.fill(0x20, 148, 156);
  const sum = damaged.reduce((total, byte) => total + byte, 0);
  damaged.set(new TextEncoder().encode(sum.toString(8).padStart(6, '0')), 148);
  await expect(all(concat([damaged, trailer()]))).rejects.toThrow('it is no tar');
});
