import { unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { type Inode, TreeTask } from '../../../test/fakes/tree-task.ts';
import { concat } from '../../bytes/concat.ts';
import { type Fs2tarOptions, fs2tar } from './fs2tar.ts';

const file = (text: string, more: Partial<Inode> = {}): Inode => ({
  type: 'file',
  data: new TextEncoder().encode(text),
  ...more,
});
const directory = (names: Record<string, Inode>, more: Partial<Inode> = {}): Inode => ({
  type: 'directory',
  mode: 0o755,
  names,
  ...more,
});

/** Archive `mount`, and read the tar back. */
async function archive(mount: Inode, options: Partial<Fs2tarOptions> = {}, log: readonly string[] = []) {
  const task = new TreeTask(mount);
  task.log.push(...log);
  const chunks: Uint8Array[] = [];
  const sink = (chunk: Uint8Array) => void chunks.push(chunk);
  const report = await fs2tar(task, '/mnt', sink, { onError: 'stop', ...options });
  const bytes = concat(chunks);
  const entries = await unpackTar(bytes, { strict: true });
  const contents = Object.fromEntries(
    entries.map(({ header, data }) => [header.name, data && new TextDecoder().decode(data)]),
  );
  return { task, report, bytes, entries, names: entries.map(({ header }) => header.name), contents };
}

describe('fs2tar', () => {
  it.each([1, 2, 3, 24, 25, 26])('is the same with %i names in memory at a time', async (namesAtOnce) => {
    const names = Array.from({ length: 25 }, (_, at) => `n${(at * 7) % 25}`);
    const below = directory(Object.fromEntries(names.map((name) => [name, file(name)])));
    const tree = directory({
      ...Object.fromEntries(names.map((name) => [name, file(name)])),
      n3: below,
      last: file(''),
    });
    const whole = await archive(tree);
    expect(whole.names).toHaveLength(52);
    expect((await archive(tree, { namesAtOnce })).bytes).toEqual(whole.bytes);
  });

  it('visits parents first and names in byte order', async () => {
    const { names, report, task, bytes } = await archive(
      directory({
        b: directory({ 'z\xff': file(''), z: file(''), a: directory({}) }),
        a: file('1'),
        'b.c': file('2'),
        B: file('3'),
        '\xc3\xa9': file('4'),
      }),
    );
    expect(names).toEqual(['./', './B', './a', './b/', './b/a/', './b/z', './b/z\ufffd', './b.c', './é']);
    expect(report).toMatchObject({ entries: 9, bytes: bytes.length, errors: [], errorCount: 0 });
    expect(task.open).toBe(0);
  });

  it('archives every type with its attributes; sockets are counted', async () => {
    const { entries, report } = await archive(
      directory({
        file: file('hello', { mode: 0o4755, uid: 7, gid: 8, mtimeNs: 1_500_000_000_000_000_000n }),
        empty: file(''),
        link: { type: 'symlink', target: '../else', mode: 0o777 },
        char: { type: 'char', rdev: [1, 3] },
        block: { type: 'block', rdev: [8, 17] },
        fifo: { type: 'fifo' },
        socket: { type: 'socket' },
      }),
    );
    const header = (name: string) => entries.find((entry) => entry.header.name === `./${name}`)?.header;
    expect(header('file')).toMatchObject({ type: 'file', mode: 0o4755, uid: 7, gid: 8, size: 5 });
    expect(header('file')?.mtime).toEqual(new Date('2017-07-14T02:40:00Z'));
    expect(header('empty')).toMatchObject({ type: 'file', size: 0 });
    expect(header('link')).toMatchObject({ type: 'symlink', linkname: '../else' });
    expect(header('char')).toMatchObject({ type: 'character-device' });
    expect(header('block')).toMatchObject({ type: 'block-device' });
    expect(header('fifo')).toMatchObject({ type: 'fifo' });
    expect(header('socket')).toBeUndefined();
    expect(report.socketsSkipped).toBe(1);
  });

  it('reads attributes of anything, a symlink too', async () => {
    const xattrs = { 'trusted.a': 'x', 'security.selinux': 'label\0' };
    const { entries } = await archive(directory({ link: { type: 'symlink', target: 't', xattrs } }, { xattrs }));
    const pax = { 'SCHILY.xattr.trusted.a': 'x', 'SCHILY.xattr.security.selinux': 'label\0' };
    expect(entries.map(({ header }) => header.pax)).toEqual([pax, pax]);
  });

  it.each(['EOPNOTSUPP', 'ENODATA'] as const)('takes a file without attributes as it is: %s', async (errno) => {
    const { names } = await archive(directory({ f: file('', { errors: { llistxattr: errno } }) }));
    expect(names).toEqual(['./', './f']);
  });

  it('archives a file of several names once', async () => {
    const data = file('data', { nlink: 3 });
    const { entries, report } = await archive(
      directory({ b: directory({ one: data }), c: data, z: data, d: file('x') }),
    );
    const links = entries
      .filter(({ header }) => header.type === 'link')
      .map(({ header }) => [header.name, header.linkname]);
    expect(links).toEqual([
      ['./c', './b/one'],
      ['./z', './b/one'],
    ]);
    expect(report.linksSplit).toBe(0);
  });

  it('does not take inodes of two devices for one file', async () => {
    const { entries } = await archive(
      directory({ a: file('a', { ino: 5, nlink: 2 }), b: file('b', { ino: 5, nlink: 2, devMinor: 9 }) }),
    );
    expect(entries.map(({ header }) => header.type)).toEqual(['directory', 'file', 'file']);
  });

  it('walks into a btrfs subvolume and not into another mount', async () => {
    const { names } = await archive(
      directory({
        sub: directory({ in: file('') }, { devMinor: 9 }),
        mnt2: directory({ out: file('') }, { mntId: 2 }),
      }),
    );
    expect(names).toEqual(['./', './mnt2/', './sub/', './sub/in']);
  });

  it('says where the data of a sparse file is and reads only that', async () => {
    const data = new Uint8Array(40_960).fill(0x61, 4096, 8192).fill(0x62, 32_768, 40_960);
    const extents = [
      [4096, 8192],
      [32_768, 40_960],
    ] as const;
    const { entries } = await archive(directory({ f: { type: 'file', data, extents } }));
    const found = entries[1];
    expect(found?.header.pax).toMatchObject({ 'GNU.sparse.realsize': '40960', 'GNU.sparse.name': './f' });
    const map = '2\n4096\n4096\n32768\n8192\n'.padEnd(512, '\0');
    expect(new TextDecoder().decode(found?.data)).toBe(map + 'a'.repeat(4096) + 'b'.repeat(8192));
  });

  it('archives a file of holes alone', async () => {
    const { entries } = await archive(directory({ f: { type: 'file', data: new Uint8Array(8192), extents: [] } }));
    expect(new TextDecoder().decode(entries[1]?.data)).toBe('1\n8192\n0\n'.padEnd(512, '\0'));
  });

  it('keeps a file whole when its file system stores it in less but knows no holes', async () => {
    const text = 'compressible'.repeat(1000);
    const { contents, entries } = await archive(
      directory({ f: file(text, { extents: [[0, 12_000]], data: new TextEncoder().encode(text) }) }),
    );
    expect(contents['./f']).toBe(text);
    expect(entries[1]?.header.pax).toBeUndefined();
  });

  it('archives a subtree under names of its own', async () => {
    const { names, task } = await archive(directory({ a: directory({ b: directory({ c: file('') }) }) }), {
      path: 'a/b',
    });
    expect(names).toEqual(['./', './c']);
    expect(task.open).toBe(0);
  });

  it('goes deeper than PATH_MAX with few files open', async () => {
    let tree = directory({ leaf: file('deep') });
    for (let depth = 0; depth < 200; depth++) tree = directory({ ['d'.repeat(60)]: tree });
    const { names, contents, task } = await archive(tree);
    const deepest = names.at(-1) ?? '';
    expect(deepest.length).toBeGreaterThan(12_000);
    expect(contents[deepest]).toBe('deep');
    expect(task.mostOpen).toBeLessThanOrEqual(3);
    expect(task.open).toBe(0);
  });

  it('gives the same bytes for the same tree', async () => {
    const tree = directory({ a: file('x'.repeat(100_000)), l: { type: 'symlink', target: 'a' } });
    expect((await archive(tree)).bytes).toEqual((await archive(tree)).bytes);
  });

  it('tells of its progress', async () => {
    const seen: [number, number][] = [];
    const progress = (bytes: number, entries: number) => void seen.push([bytes, entries]);
    const { report } = await archive(directory({ big: file('x'.repeat(600_000)) }), { progress });
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.at(-1)).toEqual([report.bytes - 1024, 2]);
  });
});

describe('what cannot be read', () => {
  const bad = {
    'lost-inode': file('', { errors: { statx: 'EUCLEAN' } }),
    'lost-attributes': file('', { errors: { llistxattr: 'EIO' } }),
    'lost-target': { type: 'symlink', target: '', errors: { readlinkat: 'EIO' } },
    'no-open': file('x', { errors: { openat: 'EIO' } }),
    'no-data': file('x', { readableBytes: [0, 'EIO'] }),
    'short-data': file('hello', { readableBytes: [3, 'end'] }),
    'late-error': file('x'.repeat(600_000), { readableBytes: [500_000, 'EIO'] }),
    'late-hole': file('', {
      data: new Uint8Array(20_000),
      extents: [
        [0, 512],
        [8192, 9000],
      ],
      readableBytes: [8192, 'EIO'],
    }),
  } as const satisfies Record<string, Inode>;
  const expected = {
    'lost-inode': ['EUCLEAN', 'statx'],
    'lost-attributes': ['EIO', 'llistxattr'],
    'lost-target': ['EIO', 'readlinkat'],
    'no-open': ['EIO', 'openat'],
    'no-data': ['EIO', 'pread64'],
    'short-data': ['EIO', 'pread64'],
    'late-error': ['EIO', 'pread64'],
    'late-hole': ['EIO', 'pread64'],
  } as const satisfies Record<keyof typeof bad, readonly [string, string]>;
  const cases = Object.keys(bad) as (keyof typeof bad)[];

  it.each(cases)('stops the tar: %s', async (name) => {
    const [errno, call] = expected[name];
    const tree = directory({ a: file('good'), sub: directory({ [name]: bad[name] }) });
    await expect(archive(tree)).rejects.toMatchObject({ name: 'KernelError', errno, call, path: `./sub/${name}` });
  });

  it('leaves nothing open and the working directory at "/"', async () => {
    const task = new TreeTask(directory({ sub: directory({ f: bad['late-error'] }) }));
    await expect(fs2tar(task, '/mnt', () => {}, { onError: 'stop' })).rejects.toThrow();
    expect(task.open).toBe(0);
    expect(task.calls.slice(-2)).toEqual(['chdir', 'munmap']);
  });

  it('is left out and listed last when the tar goes on', async () => {
    const { names, contents, report } = await archive(directory({ a: file('1'), sub: directory(bad), z: file('2') }), {
      onError: 'continue',
    });
    expect(names).toEqual(['./', './a', './sub/', './z', './.fs2tar-errors']);
    expect(report.errorCount).toBe(cases.length);
    const lines = cases.toSorted().map((name) => `${expected[name].join('\t')}\t./sub/${name}\n`);
    expect(contents['./.fs2tar-errors']).toBe(lines.join(''));
    expect(report.errors[0]).toEqual({ path: './sub/late-error', call: 'pread64', errno: 'EIO' });
  });

  it('is shown printable, whatever its name', async () => {
    const names = ['new\nline', 'back\\slash', '\xc3\xa9', '\xff\xc3\xa9', '\xc2\x85'];
    const tree = directory(Object.fromEntries(names.map((name) => [name, bad['no-data']])));
    const { report } = await archive(tree, { onError: 'continue' });
    expect(report.errors.map(({ path }) => path)).toEqual([
      './back\\134slash',
      './new\\012line',
      './\\302\\205',
      './é',
      './\\377\\303\\251',
    ]);
  });

  it('may be a listing: what it gave before the error is archived', async () => {
    const sub = directory({ seen: file('') }, { errors: { getdents64: 'EIO' } });
    const { names, report } = await archive(directory({ sub }), { onError: 'continue' });
    expect(names).toEqual(['./', './sub/', './sub/seen', './.fs2tar-errors']);
    expect(report.errors).toEqual([{ path: './sub', call: 'getdents64', errno: 'EIO' }]);
    await expect(archive(directory({ sub }))).rejects.toMatchObject({ errno: 'EIO', path: './sub' });
  });

  it('may be a directory whose listing never ends', async () => {
    const tree = directory({ a: directory({ x: file('') }, { endless: true }), b: file('') });
    await expect(archive(tree)).rejects.toMatchObject({ errno: 'EUCLEAN', path: './a' });
    const { names, report } = await archive(tree, { onError: 'continue' });
    expect(names).toEqual(['./', './a/', './a/x', './b', './.fs2tar-errors']);
    expect(report.errors).toEqual([{ path: './a', call: 'getdents64', errno: 'EUCLEAN' }]);
  });

  it('may be a directory that is its own ancestor', async () => {
    const names: { loop?: Inode } = {};
    const tree = directory({ a: directory({ b: directory(names as Record<string, Inode>) }) });
    names.loop = tree;
    await expect(archive(tree)).rejects.toMatchObject({ errno: 'ELOOP', path: './a/b/loop' });
    expect((await archive(tree, { onError: 'continue' })).names).toEqual(['./', './a/', './a/b/', './.fs2tar-errors']);
  });

  it('may be a directory whose ".." leads elsewhere', async () => {
    const elsewhere = directory({});
    const tree = directory({ a: directory({ x: file('') }, { dotDot: elsewhere }), b: file('') });
    await expect(archive(tree)).rejects.toMatchObject({ errno: 'EUCLEAN', path: './a' });
    expect((await archive(tree, { onError: 'continue' })).names).toEqual(['./', './a/', './b', './.fs2tar-errors']);
  });

  it('may be known from the log alone', async () => {
    const error = 'EXT4-fs error (device vda): ext4_readdir:225: directory fails checksum';
    const log = [
      '6,100,0,-;EXT4-fs (vda): mounted filesystem',
      `2,107,0,-;${error}\n SUBSYSTEM=block\n DEVICE=b254:0\n`,
      `2,108,0,-;${error}`,
      '3,109,0,-;I/O error, dev vda, sector 8 op 0x0:(READ)',
      '30,110,0,-;a facility and a level: a notice',
    ];
    await expect(archive(directory({}), {}, log)).rejects.toMatchObject({
      call: 'syslog',
      errno: 'EUCLEAN',
      path: error,
    });
    const { report, names } = await archive(directory({}), { onError: 'continue' }, log);
    expect(report.errors).toEqual([{ path: error, call: 'syslog', errno: 'EUCLEAN' }]);
    expect(names).toEqual(['./', './.fs2tar-errors']);
    expect((await archive(directory({}), {}, log.toSpliced(1, 2))).report.errorCount).toBe(0);
  });

  it('may have been told in messages that the log no longer has', async () => {
    const lost = ['', '6,100,0,-;EXT4-fs (vda): mounted filesystem'];
    await expect(archive(directory({}), {}, lost)).rejects.toMatchObject({ call: 'syslog', errno: 'EUCLEAN' });
  });

  it('may be known before anything is read', async () => {
    const missing = ['the image ends early'];
    const { report } = await archive(directory({ f: file('x') }), { onError: 'continue', missing });
    expect(report.errors).toEqual([{ path: 'the image ends early', call: 'syslog', errno: 'EUCLEAN' }]);
  });

  it('may be a name that its directory lists and that leads nowhere: damage, and nothing that was not found', async () => {
    const tree = directory({ gone: file('', { errors: { statx: 'ENOENT' } }) });
    await expect(archive(tree)).rejects.toMatchObject({ errno: 'EUCLEAN', path: './gone' });
  });

  it('is the end of the tar when it could be read once and then not', async () => {
    const data = new Uint8Array(600_000);
    let reads = 0;
    const moody: Inode = {
      type: 'file',
      data,
      get readableBytes(): [number, 'EIO'] {
        return [++reads > 15 ? 0 : data.length, 'EIO']; // ten reads see it all
      },
    };
    await expect(archive(directory({ moody }), { onError: 'continue' })).rejects.toMatchObject({ path: './moody' });
  });
});

it('a sink that refuses ends the tar, whatever it is asked to do on errors', async () => {
  const task = new TreeTask(directory({ f: file('x'.repeat(100_000)) }));
  const sink = () => Promise.reject(new Error('the client went away'));
  await expect(fs2tar(task, '/mnt', sink, { onError: 'continue' })).rejects.toThrow('the client went away');
  expect(task.open).toBe(0);
});
