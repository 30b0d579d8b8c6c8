/** What archives say in their many ways, and that whatever is wrong with them is an error. */

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/fakes/block-devices.ts';
import { PaxRecords } from '../../archive/tar/pax.ts';
import { type UstarFields, ustarBlock } from '../../archive/tar/ustar.ts';
import { concat } from '../../bytes/concat.ts';
import { memorySource } from '../byte-source.ts';
import { StorageError } from '../errors.ts';
import { openDisk } from '../open-disk.ts';
import { cpioEntries } from './cpio/entries.ts';
import { addEntry, Problems } from './entry.ts';
import { bytesOfRaw, type Node } from './node.ts';
import { tarEntries } from './tar/entries.ts';
import { ArchiveTree } from './tree.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const fields: UstarFields = { name: bytes('f'), typeflag: '0', mode: 0o644, uid: 1, gid: 2, size: 0, mtime: 3 };

/** A header, its checksum made anew after `change`, and its data in whole blocks. */
function entry(some: Partial<UstarFields>, data = '', change?: (block: Uint8Array) => void): Uint8Array {
  const block = ustarBlock({ ...fields, size: data.length, ...some });
  if (change) {
    change(block);
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(bytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  }
  const padded = new Uint8Array(Math.ceil(data.length / 512) * 512);
  padded.set(bytes(data));
  return concat([block, padded]);
}

function pax(records: Readonly<Record<string, string>>, typeflag = 'x'): Uint8Array {
  const list = new PaxRecords();
  for (const [key, value] of Object.entries(records)) list.add(key, value);
  const data = new Uint8Array(list.size);
  list.copyTo(data, 0);
  return entry({ name: bytes('pax'), typeflag }, new TextDecoder().decode(data));
}

const END = new Uint8Array(1024);

async function read(...parts: readonly Uint8Array[]) {
  const tree = new ArchiveTree({ name: 'tar', maxEntries: 1000 });
  const problems = new Problems();
  for await (const one of tarEntries(memorySource(concat(parts)), { problems })) addEntry(tree, one, problems);
  return { at: (path: string): Node | undefined => tree.find(path), tree, problem: problems.text };
}

async function dataOf(node: Node | undefined): Promise<string> {
  const { source, at = 0 } = node?.data ?? {};
  const into = new Uint8Array(node?.size ?? 0);
  await source?.read(at, into);
  return new TextDecoder().decode(into);
}

describe('a tar', () => {
  it('has the entry that comes last at each path, and directories keep what is in them', async () => {
    const { at, problem } = await read(
      entry({ name: bytes('d/'), typeflag: '5' }),
      entry({ name: bytes('d/f') }, 'old'),
      entry({ name: bytes('d/g') }, 'stays'),
      entry({ name: bytes('./d/f') }, 'new'),
      entry({ name: bytes('d/'), typeflag: '5', mode: 0o700 }),
      END,
    );
    expect(problem).toBeUndefined();
    expect(await dataOf(at('d/f'))).toBe('new');
    expect(await dataOf(at('d/g'))).toBe('stays');
    expect(at('d')?.mode).toBe(0o40700);
  });

  it('does not lead out of itself', async () => {
    const { at } = await read(entry({ name: bytes('/abs') }), entry({ name: bytes('a/../../etc/x') }), END);
    expect(at('abs')).toBeDefined();
    expect(at('etc/x')).toBeDefined();
    expect(at('a')).toBeUndefined();
  });

  it('puts files where symlinks on their way lead, inside of it', async () => {
    const link = (name: string, target: string) => entry({ name: bytes(name), typeflag: '2', linkname: bytes(target) });
    const { at, problem } = await read(
      link('lib', 'usr/lib'),
      entry({ name: bytes('lib/so') }, 'x'),
      link('abs', '/opt/../../srv'),
      entry({ name: bytes('abs/y') }, 'y'),
      link('loop', 'loop'),
      entry({ name: bytes('loop/z') }, 'z'),
      END,
    );
    expect(await dataOf(at('usr/lib/so'))).toBe('x');
    expect(await dataOf(at('srv/y'))).toBe('y');
    expect(problem).toBe('"loop/z" is left out: it is in what is no directory');
  });

  it('takes numbers of base 256, negative ones too, and checksums of signed bytes', async () => {
    const { at } = await read(
      entry({}, '', (block) =>
        block.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], 136),
      ),
      entry({ name: bytes('g') }, '', (block) => block.set([0x80, 0, 0, 0, 0xee, 0x6b, 0x28, 0], 108)),
      END,
    );
    expect(at('f')?.mtimeS).toBe(-2);
    expect(at('g')?.uid).toBe(4_000_000_000);
  });

  it('takes what global headers say until others say otherwise', async () => {
    const { at } = await read(
      pax({ uid: '7', comment: 'c' }, 'g'),
      entry({}),
      pax({ uid: '8' }),
      entry({ name: bytes('g') }),
      entry({ name: bytes('h') }),
      END,
    );
    expect([at('f')?.uid, at('g')?.uid, at('h')?.uid]).toEqual([7, 8, 7]);
  });

  it.each([
    ['1.5', 1, 500_000_000],
    ['-1.5', -2, 500_000_000],
    ['-0.25', -1, 750_000_000],
    ['-3', -3, 0],
    ['2.1234567899', 2, 123_456_789],
  ])('has times as pax tells them: %s', async (mtime, seconds, nanoseconds) => {
    const { at } = await read(pax({ mtime }), entry({}), END);
    expect(at('f')).toMatchObject({ mtimeS: seconds, mtimeNs: nanoseconds });
  });

  it('has attributes in the words of GNU, star and libarchive', async () => {
    const { at } = await read(
      pax({
        'SCHILY.xattr.user.a%3Db%25': '1',
        'LIBARCHIVE.xattr.user.c%20d': 'Mg', // base64 of "2"
        'RHT.security.selinux': 'label',
        'SCHILY.acl.access': 'user::rw-,user:joe:r--:1000,group::r--,mask::rw-,other::---',
        'SCHILY.xattr.hfs.type': 'foreign',
      }),
      entry({ mode: 0o640 }),
      END,
    );
    const xattrs = at('f')?.xattrs ?? new Map();
    expect([...xattrs.keys()].sort()).toEqual(['security.selinux', 'system.posix_acl_access', 'user.a=b%', 'user.c d']);
    expect(at('f')?.mode).toBe(0o100660); // the mask
  });

  it('goes on behind the end of another that it was appended to', async () => {
    const { at, problem } = await read(
      entry({}, 'a'),
      END,
      new Uint8Array(8192),
      entry({ name: bytes('g') }, 'b'),
      END,
    );
    expect(problem).toBeUndefined();
    expect(await dataOf(at('g'))).toBe('b');
  });

  it('ends at its end, whatever is behind it', async () => {
    const { at, problem } = await read(entry({}, 'a'), END, bytes('x'.repeat(700)));
    expect(problem).toBeUndefined();
    expect(at('f')).toBeDefined();
  });

  it('takes a size of what has no data for nothing, where the next header shows it', async () => {
    const { at, problem } = await read(
      entry({ name: bytes('l'), typeflag: '2', linkname: bytes('target'), size: 6 }),
      entry({}, 'a'),
      END,
    );
    expect(problem).toBeUndefined();
    expect(await dataOf(at('f'))).toBe('a');
  });
});

describe('a tar that is not whole says so', () => {
  it.each<readonly [string, readonly Uint8Array[], RegExp]>([
    [
      'without its end',
      [entry({}, 'a')],
      /^it has no end: it is cut short, or its last block is missing, at byte 1024$/,
    ],
    [
      'cut in a file',
      [entry({}, 'a'.repeat(600)).subarray(0, 700)],
      /^it is cut short in "f": it ends at byte 700 of at least 1112$/,
    ],
    ['cut in a header', [entry({}, 'a'), entry({ name: bytes('g') }).subarray(0, 100)], /^it has no end/],
    ['damaged', [entry({}, 'a'), bytes('x'.repeat(512)), END], /^it is damaged at byte 1024: there is no header/],
    [
      'with one block of zeros and then none',
      [entry({}), new Uint8Array(512), bytes('x'.repeat(512)), END],
      /^it is damaged at byte 1024/,
    ],
    [
      'a link to nothing',
      [entry({ typeflag: '1', linkname: bytes('gone') }), END],
      /^"f" is left out: it is a link to "gone", which is no file/,
    ],
    [
      'an owner that cannot be',
      [pax({ uid: '4294967296' }), entry({}), END],
      /^"f" has a uid that Linux does not have: 4294967296/,
    ],
    [
      'a bad extended header',
      [entry({ typeflag: 'x' }, 'nonsense'), entry({}), END],
      /^an extended header is damaged at byte 0/,
    ],
    [
      'the second volume of two',
      [entry({ typeflag: 'M' }, 'rest'), END],
      /^it begins with the rest of "f", of another volume/,
    ],
    [
      'holes that overlap',
      [pax({ 'GNU.sparse.size': '100', 'GNU.sparse.map': '0,60,50,10' }), entry({}, 'a'.repeat(70)), END],
      /^"f": the map of its holes is damaged/,
    ],
  ])('%s', async (_, parts, problem) => {
    expect((await read(...parts)).problem).toMatch(problem);
  });

  it('a name that no directory can hold is left out, and all else is there', async () => {
    const { problem, tree } = await read(
      pax({ path: 'n'.repeat(256) }),
      entry({}),
      entry({ name: bytes('after') }),
      END,
    );
    expect(problem).toMatch(/^"n+..." is left out: a name of more than 255 bytes$/);
    expect(tree.find('after')).toBeDefined();
  });

  it('what is in what is no directory is left out, and what is in the way stays', async () => {
    const { problem, tree } = await read(entry({ name: bytes('a') }, 'x'), entry({ name: bytes('a/b') }), END);
    expect(problem).toBe('"a/b" is left out: it is in what is no directory');
    expect(tree.find('a')?.size).toBe(1);
  });

  it('an attribute that is longer than an inode has room for is left out', async () => {
    const long = { 'SCHILY.xattr.user.long': 'v'.repeat(65_536), 'SCHILY.xattr.user.most': 'v'.repeat(65_535) };
    const { problem, tree } = await read(pax(long), entry({}), END);
    expect(problem).toMatch(/: its attribute "user.long" of 65,536 bytes is left out/);
    expect([...(tree.find('f')?.xattrs?.keys() ?? [])]).toEqual(['user.most']);
  });

  it('paths that lead out of it are told, with what became of them', async () => {
    const names = ['../x', 'a/../../y', '/z'];
    const { notes } = await openDisk(memorySource(concat([...names.map((name) => entry({ name: bytes(name) })), END])));
    expect(notes).toEqual([
      '2 paths of the archive lead out of it with "..": they are taken from the top (first "../x")',
      '1 path of the archive is absolute: it is taken from the top ("/z")',
    ]);
  });

  it('one with more files than may be is an error, not the end of memory', async () => {
    const many = Array.from({ length: 1001 }, (_, n) => entry({ name: bytes(`f${n}`) }));
    await expect(read(...many, END)).rejects.toThrow('tar: it has more than 1,000 entries');
  });
});

describe('an archive that is damaged', () => {
  const tar = concat([
    entry({ name: bytes('d/'), typeflag: '5' }),
    pax({ path: 'd/long', mtime: '1.5', 'SCHILY.xattr.user.a': 'b' }),
    entry({}, 'data'),
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '9000' }),
    entry({}, `1\n8192\n100\n${'\0'.repeat(501)}${'x'.repeat(100)}`),
    entry({ name: bytes('l'), typeflag: '2', linkname: bytes('d/long') }),
    entry({ name: bytes('h'), typeflag: '1', linkname: bytes('d/long') }),
    END,
  ]);
  const newc = (name: string, mode: number, data = ''): string => {
    const hex = (value: number) => value.toString(16).padStart(8, '0');
    const head = `070701${[1, mode, 0, 0, 1, 5, data.length, 0, 0, 0, 0, name.length + 1, 0].map(hex).join('')}${name}\0`;
    const up = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '\0');
    return up(head) + up(data);
  };
  const cpio = bytes(
    newc('.', 0o40755) + newc('f', 0o100644, 'data') + newc('l', 0o120777, 'f') + newc('TRAILER!!!', 0),
  );

  it('is read as it was made where it is not', async () => {
    const tree = new ArchiveTree({ name: 'cpio', maxEntries: 10 });
    const problems = new Problems();
    const unpack = () => Promise.reject(new Error('nothing is packed'));
    for await (const one of cpioEntries(memorySource(cpio), { problems, unpack })) addEntry(tree, one, problems);
    expect([problems.text, [...(tree.root.children?.keys() ?? [])]]).toEqual([undefined, ['f', 'l']]);
    expect((await openDisk(memorySource(tar))).device.cut).toBeUndefined();
  });

  it.each([
    ['tar', tar],
    ['cpio', cpio],
  ])('%s ends with an error of its own or none, and its disk reads to the end', async (name, whole) => {
    const random = seededRandom(name.length);
    for (let round = 0; round < 400; round += 1) {
      const broken = whole.slice(0, random(3) === 0 ? random(whole.length) : whole.length);
      for (let flips = 0; flips < 1 + random(4) && broken.length > 0; flips += 1) {
        const at = random(broken.length);
        broken[at] = (broken[at] ?? 0) ^ (1 << random(8));
      }
      const found = await openDisk(memorySource(broken), { format: name })
        .then(async ({ content }) => {
          const step = 2 ** 20;
          for (let at = 0; at < Math.min(content.sizeBytes, 2 ** 23); at += step) {
            await content.read(at, new Uint8Array(Math.min(step, content.sizeBytes - at)));
          }
        })
        .catch((cause: unknown) => cause);
      if (found !== undefined) expect(found).toBeInstanceOf(StorageError);
    }
  });

  it('shows names that are no UTF-8 by their bytes', () => {
    expect(bytesOfRaw('\xff\xfe')).toEqual(Uint8Array.of(0xff, 0xfe));
  });
});
