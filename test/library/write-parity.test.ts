/** The writing half of the library beside node:fs/promises: the same calls on an empty folder give the same answers, errors and trees. */

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openImage, type WritableImage } from '../../src/library/index.ts';
import { fixtureBytes, withFolder } from './images.ts';

type Side = Pick<
  typeof fs.promises,
  | 'access'
  | 'appendFile'
  | 'chmod'
  | 'copyFile'
  | 'link'
  | 'lstat'
  | 'lutimes'
  | 'mkdir'
  | 'mkdtemp'
  | 'open'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'stat'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'writeFile'
> & { createWriteStream(path: string, options?: Parameters<typeof fs.createWriteStream>[1]): NodeJS.WritableStream };
type Call = (side: Side, at: (path: string) => string) => Promise<unknown>;

const node: Side = { ...fs.promises, createWriteStream: fs.createWriteStream };
let bytes: Buffer;
let image: WritableImage;
beforeAll(async () => {
  bytes = await fixtureBytes('ext4');
  image = await openImage(bytes, { writable: true });
});
afterAll(() => image.close());

/** An answer or an error as data, and then the tree; neither names the folder. */
async function told(call: Call, side: Side, root: string): Promise<unknown> {
  const plain = (value: unknown) => (typeof value === 'string' ? value.replaceAll(root, '') : value);
  const at = (path: string) => `${root}${path}`;
  let answer: unknown;
  try {
    answer = plain(await call(side, at));
  } catch (cause) {
    const { message, code, errno, syscall, path, dest } = cause as NodeJS.ErrnoException & { dest?: string };
    answer = { message: plain(message), code, errno, syscall, path: plain(path), dest: plain(dest) };
  }
  return { answer, tree: await treeOf(side, at, '') };
}

async function treeOf(side: Side, at: (path: string) => string, path: string): Promise<string[]> {
  const rows: string[] = [];
  for (const name of (await side.readdir(at(path || '/'))).sort()) {
    const below = `${path}/${name}`;
    const stat = await side.lstat(at(below));
    const content = stat.isFile()
      ? createHash('sha256')
          .update(await side.readFile(at(below)))
          .digest('hex')
      : '';
    const target = stat.isSymbolicLink() ? await side.readlink(at(below)) : '';
    const links = stat.isDirectory() ? '' : stat.nlink;
    const time = stat.mtimeMs < 1e12 ? stat.mtimeMs : '';
    rows.push(`${below} ${(stat.mode & 0o177777).toString(8)} ${links} ${time} ${content} ${target}`);
    if (stat.isDirectory()) rows.push(...(await treeOf(side, at, below)));
  }
  return rows;
}

const calls: Record<string, Call> = {
  'a file': (side, at) => side.writeFile(at('/a'), 'text'),
  'a file of bytes': (side, at) => side.writeFile(at('/a'), Buffer.from([0, 255, 1])),
  'a file in an encoding': (side, at) => side.writeFile(at('/a'), 'aGk=', 'base64'),
  'a file of an iterable': (side, at) => side.writeFile(at('/a'), ['one', Buffer.from('two')]),
  'a file of a stream': (side, at) => side.writeFile(at('/a'), Readable.from(['x', 'y'])),
  'a file with a mode': (side, at) => side.writeFile(at('/a'), '', { mode: 0o600 }),
  'a file that is there, exclusively': async (side, at) => {
    await side.writeFile(at('/a'), '1');
    await side.writeFile(at('/a'), '2', { flag: 'wx' });
  },
  'a file that is there, again': async (side, at) => {
    await side.writeFile(at('/a'), 'a longer text');
    await side.writeFile(at('/a'), 'short');
  },
  'a file where no directory is': (side, at) => side.writeFile(at('/no/a'), ''),
  'a file in place of a directory': async (side, at) => {
    await side.mkdir(at('/d'));
    await side.writeFile(at('/d'), '');
  },
  appending: async (side, at) => {
    await side.appendFile(at('/a'), 'one');
    await side.appendFile(at('/a'), 'two', 'latin1');
  },
  'a large file': (side, at) => side.writeFile(at('/a'), Buffer.alloc(1_500_000, 'large')),
  'a directory': (side, at) => side.mkdir(at('/d')),
  'a directory with a slash': (side, at) => side.mkdir(at('/d/'), 0o750),
  'a directory twice': async (side, at) => {
    await side.mkdir(at('/d'));
    await side.mkdir(at('/d'));
  },
  'directories on the way': (side, at) => side.mkdir(at('/d/e/f'), { recursive: true }),
  'directories that are there': async (side, at) => {
    await side.mkdir(at('/d/e'), { recursive: true });
    return side.mkdir(at('/d/e'), { recursive: true });
  },
  'directories through a file': async (side, at) => {
    await side.writeFile(at('/a'), '');
    await side.mkdir(at('/a/b'), { recursive: true }).catch(({ code }) => {
      throw Object.assign(new Error(), { code });
    });
  },
  'a temporary directory': async (side, at) => {
    const path = await side.mkdtemp(at('/tmp-'));
    await side.rmdir(path);
    return [path.length - at('').length, path.startsWith(at('/tmp-'))];
  },
  'rmdir of what is not empty': async (side, at) => {
    await side.mkdir(at('/d/e'), { recursive: true });
    await side.rmdir(at('/d'));
  },
  'rmdir of a file': async (side, at) => {
    await side.writeFile(at('/a'), '');
    await side.rmdir(at('/a'));
  },
  unlink: async (side, at) => {
    await side.writeFile(at('/a'), '');
    await side.unlink(at('/a'));
  },
  'unlink of nothing': (side, at) => side.unlink(at('/a')),
  'unlink of a directory': async (side, at) => {
    await side.mkdir(at('/d'));
    await side.unlink(at('/d'));
  },
  'rm of a tree': async (side, at) => {
    await side.mkdir(at('/d/e'), { recursive: true });
    await side.writeFile(at('/d/e/f'), '');
    await side.symlink('/d', at('/d/e/l'));
    await side.rm(at('/d'), { recursive: true });
  },
  'rm of a directory': async (side, at) => {
    await side.mkdir(at('/d'));
    await side.rm(at('/d')).catch(({ code, syscall }) => {
      throw Object.assign(new Error(), { code, syscall });
    });
  },
  'rm of nothing': (side, at) => side.rm(at('/a')),
  'rm of nothing, by force': (side, at) => side.rm(at('/a'), { force: true }),
  'a rename': async (side, at) => {
    await side.writeFile(at('/a'), 'a');
    await side.writeFile(at('/b'), 'b');
    await side.rename(at('/a'), at('/b'));
  },
  'a rename of nothing': (side, at) => side.rename(at('/a'), at('/b')),
  'a rename into itself': async (side, at) => {
    await side.mkdir(at('/d'));
    await side.rename(at('/d'), at('/d/e'));
  },
  'a hard link': async (side, at) => {
    await side.writeFile(at('/a'), 'a');
    await side.link(at('/a'), at('/b'));
  },
  'a hard link over something': async (side, at) => {
    await side.writeFile(at('/a'), 'a');
    await side.link(at('/a'), at('/a'));
  },
  'a symlink': (side, at) => side.symlink('else/where', at('/l')),
  'a symlink over something': async (side, at) => {
    await side.symlink('x', at('/l'));
    await side.symlink('y', at('/l'));
  },
  'a file by way of a symlink': async (side, at) => {
    await side.symlink('a', at('/l'));
    await side.writeFile(at('/l'), 'through');
  },
  'a mode': async (side, at) => {
    await side.writeFile(at('/a'), '');
    await side.chmod(at('/a'), 0o4711);
    await side.chmod(at('/a'), '640');
  },
  'a mode of nothing': (side, at) => side.chmod(at('/a'), 0o600),
  'a mode that is none': (side, at) =>
    side.chmod(at('/a'), 'rwx').catch(({ code, name }) => {
      throw Object.assign(new Error(), { code, name });
    }),
  times: async (side, at) => {
    await side.writeFile(at('/a'), '');
    await side.utimes(at('/a'), 1_000_000.125, new Date(2_000_000_500));
    await side.symlink('a', at('/l'));
    await side.lutimes(at('/l'), 3, 4.5);
    return (await side.stat(at('/a'))).atimeMs;
  },
  'truncated and extended': async (side, at) => {
    await side.writeFile(at('/a'), 'a longer text');
    await side.truncate(at('/a'), 5);
    await side.writeFile(at('/b'), 'b');
    await side.truncate(at('/b'), 5000);
  },
  'truncating nothing': (side, at) => side.truncate(at('/a'), 5),
  'a copy': async (side, at) => {
    await side.writeFile(at('/a'), Buffer.alloc(700_000, 'copy'), { mode: 0o755 });
    await side.copyFile(at('/a'), at('/b'));
  },
  'a copy over something, exclusively': async (side, at) => {
    await side.writeFile(at('/a'), 'a');
    await side.writeFile(at('/b'), 'b');
    await side.copyFile(at('/a'), at('/b'), fs.constants.COPYFILE_EXCL);
  },
  'a copy of nothing': (side, at) => side.copyFile(at('/a'), at('/b')),
  'access to write': async (side, at) => {
    await side.writeFile(at('/a'), '');
    return side.access(at('/a'), fs.constants.W_OK | fs.constants.R_OK);
  },
  'a handle that writes in a row': async (side, at) => {
    const handle = await side.open(at('/a'), 'w+');
    const { bytesWritten } = await handle.write('first ');
    await handle.write(Buffer.from('-second-'), 1, 6);
    await handle.write('F', 0);
    await handle.writev([Buffer.from(' th'), Buffer.from('ird')]);
    const { buffer } = await handle.read(Buffer.alloc(5), 0, 5, 0);
    await handle.sync();
    await handle.datasync();
    await handle.close();
    return [bytesWritten, buffer.toString()];
  },
  'a handle that appends': async (side, at) => {
    await side.writeFile(at('/a'), 'begin');
    const handle = await side.open(at('/a'), 'a');
    await handle.write(' more', 0);
    await handle.appendFile(' end');
    await handle.close();
  },
  'a handle that changes its file': async (side, at) => {
    const handle = await side.open(at('/a'), 'w', 0o600);
    await handle.writeFile('some text');
    await handle.truncate(4);
    await handle.chmod(0o604);
    await handle.utimes(5, 6);
    const { size } = await handle.stat();
    await handle.close();
    return size;
  },
  'a handle that only reads': async (side, at) => {
    await side.writeFile(at('/a'), '');
    const handle = await side.open(at('/a'), 'r');
    try {
      await handle.write('x');
    } finally {
      await handle.close();
    }
  },
  'a file opened that is not there': (side, at) => side.open(at('/a'), 'r+'),
  'flags that are none': (side, at) =>
    side.open(at('/a'), 'nonsense').catch(({ code, name }) => {
      throw Object.assign(new Error(), { code, name });
    }),
  'a write stream': async (side, at) => {
    await pipeline(Readable.from(['one', 'two']), side.createWriteStream(at('/a')));
    await pipeline(Readable.from(['TWO']), side.createWriteStream(at('/a'), { flags: 'r+', start: 3 }));
  },
  'a write stream into nothing': (side, at) => pipeline(Readable.from(['x']), side.createWriteStream(at('/no/a'))),
};

describe('as node:fs/promises', () => {
  it.each(Object.entries(calls))('%s', async (name, call) => {
    const native = await withFolder((folder) => told(call, node, fs.realpathSync(folder)));
    const root = `/parity-${Object.keys(calls).indexOf(name)}`;
    await image.mkdir(root);
    expect(await told(call, image as unknown as Side, root)).toEqual(native);
  });
});

describe('what node:fs has not', () => {
  it('attributes are set, only where they are or are not there, and removed', async () => {
    await image.writeFile('/attributes', '');
    await image.setxattr('/attributes', 'user.a', 'one', { only: 'create' });
    await expect(image.setxattr('/attributes', 'user.a', 'two', { only: 'create' })).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'setxattr',
      path: '/attributes',
    });
    await expect(image.setxattr('/attributes', 'user.b', '', { only: 'replace' })).rejects.toMatchObject({
      code: 'ENODATA',
    });
    await image.symlink('attributes', '/to-attributes');
    await image.setxattr('/to-attributes', 'user.c', Buffer.from([1, 2]));
    expect(await image.xattrs('/attributes')).toEqual(
      new Map([
        ['user.a', Buffer.from('one')],
        ['user.c', Buffer.from([1, 2])],
      ]),
    );
    await image.lsetxattr('/to-attributes', 'security.test', 'of the link');
    expect(await image.lxattrs('/to-attributes')).toEqual(new Map([['security.test', Buffer.from('of the link')]]));
    await image.lremovexattr('/to-attributes', 'security.test');
    await image.removexattr('/attributes', 'user.a');
    expect([...(await image.xattrs('/attributes')).keys()]).toEqual(['user.c']);
  });

  it('two names are exchanged, owners are set, times are exact', async () => {
    await image.writeFile('/one', '1');
    await image.writeFile('/two', '2');
    await image.exchange('/one', '/two');
    expect(await image.readFile('/one', 'utf8')).toBe('2');
    await image.chown('/one', 12, 34);
    await image.symlink('one', '/link');
    await image.lchown('/link', 56, -1);
    expect(await image.lstat('/one')).toMatchObject({ uid: 12, gid: 34 });
    expect(await image.lstat('/link')).toMatchObject({ uid: 56, gid: 0 });
    await image.utimes('/one', -1_500_000_001n, 1_999_999_999n);
    const { atimeNs, mtimeNs } = await image.stat('/one', { bigint: true });
    expect([atimeNs, mtimeNs]).toEqual([-1_500_000_001n, 1_999_999_999n]);
  });

  it('nothing leads out of the image', async () => {
    await image.symlink('/proc/self', '/out');
    await expect(image.writeFile('/out/comm', 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(image.writeFile('/../../proc/sys/kernel/hostname', 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(image.mkdir('/..')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(image.rename('/one', '/..')).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(image.rm('/', { recursive: true })).rejects.toMatchObject({ code: /EBUSY|ENOTEMPTY/ });
  });
});

describe('an image on the disk', () => {
  it("has everything once it is closed, and is nobody else's until then", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'disk.img');
      fs.writeFileSync(path, await fixtureBytes('ext4'));
      {
        await using open = await openImage(path, { writable: true });
        await expect(openImage(path, { writable: true })).rejects.toMatchObject({ code: 'ERR_IMAGE_IN_USE' });
        await Promise.all(Array.from({ length: 50 }, (_, i) => open.writeFile(`/file-${i}`, `number ${i}`)));
        // A handle that was left open does not keep it from being unmounted.
        await (await open.open('/left', 'w')).write('open');
      }
      await using again = await openImage(path);
      expect(await again.readFile('/file-49', 'utf8')).toBe('number 49');
      expect(await again.readFile('/left', 'utf8')).toBe('open');
    });
  });

  it('is refused where it cannot be written', async () => {
    const refused = { code: 'ERR_READ_ONLY_DEVICE' };
    await expect(openImage(new Blob([new Uint8Array(bytes)]), { writable: true })).rejects.toMatchObject(refused);
    await expect(openImage(new URL('http://127.0.0.1:9/x'), { writable: true })).rejects.toMatchObject(refused);
    await expect(openImage({ sizeBytes: 512, read() {} }, { writable: true })).rejects.toMatchObject(refused);
    await expect(openImage('/no/such/image', { writable: true })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a disk that is full says so, and takes more once there is room', async () => {
    await using full = await openImage(await fixtureBytes('ext4'), { writable: true });
    const { bavail, bsize } = await full.statfs();
    const tooMuch = Buffer.alloc(bavail * bsize + 1_000_000, 1);
    await expect(full.writeFile('/big', tooMuch)).rejects.toMatchObject({ code: 'ENOSPC', syscall: 'write' });
    await full.rm('/big');
    await full.writeFile('/small', 'fits');
    expect(await full.readFile('/small', 'utf8')).toBe('fits');
  });
});
