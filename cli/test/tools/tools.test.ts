/** File systems made, checked, repaired and resized by Linux's own programs, as people call them. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writableFile } from '../../../src/node/files/writable-file.ts';
import { keptTools } from '../tools-kit.ts';

const MIB = 1 << 20;
const UUID = '01234567-89ab-4cde-8f01-23456789abcd';
const folder = mkdtempSync(join(tmpdir(), 'lkl-tools-test-'));
const tree = join(folder, 'tree');
const kept = keptTools();
const lkl = (args: readonly string[], env: Readonly<Record<string, string>> = {}, input = '') =>
  kept(args, { env, input });
const at = (name: string): string => join(folder, name);
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

beforeAll(() => {
  mkdirSync(join(tree, 'deep/er'), { recursive: true });
  writeFileSync(join(tree, 'small'), 'small\n');
  writeFileSync(join(tree, 'deep/large'), Buffer.alloc(300_000, 'large '));
  for (let i = 0; i < 50; i++) writeFileSync(join(tree, `deep/er/${i}`), `${i}\n`.repeat(i));
  symlinkSync('deep/large', join(tree, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('lkl mkfs', () => {
  it('makes of ext4 what mke2fs 1.47.0 of Debian makes natively, byte for byte', () => {
    const image = at('ext4.same');
    const words = ['-E', `hash_seed=${UUID},nodiscard`];
    const { status, stderr } = lkl(['mkfs', '-t', 'ext4', '-s', '64M', '-U', UUID, image, '--', ...words], {
      SOURCE_DATE_EPOCH: '1767225600',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    // truncate -s 64M F; E2FSPROGS_FAKE_TIME=1767225600 mke2fs -q -F -t ext4 -U $UUID -E hash_seed=$UUID,nodiscard F; sha256sum F
    expect(sha256(image)).toBe('14889b6fcdf575fd512d7c017e93c18f84adcc2cc89e41c40aac0a5264a680af');
  });

  it.each([
    ['ext2', '32M'],
    ['ext4', '32M'],
    ['xfs', '320M'],
    ['btrfs', '128M'],
    ['vfat', '48M'],
    ['exfat', '48M'],
    ['f2fs', '64M'],
    ['squashfs', undefined],
    ['erofs', undefined],
  ])(
    'fills %s with a folder, which is then found in it and clean; the same seed gives the same bytes',
    (type, bytes) => {
      const size = bytes === undefined ? [] : ['-s', bytes];
      const [image, again] = [at(`${type}.img`), at(`${type}.again`)];
      for (const one of [image, again]) {
        const { status, stderr } = lkl(['mkfs', '-t', type, ...size, '--from', tree, '--seed', 'a', one]);
        // FAT has no symlinks, which is told.
        expect({ status, stderr: status === 0 ? stderr : '' }).toEqual({
          status: /fat/.test(type) ? 3 : 0,
          stderr: '',
        });
      }
      expect(spawnSync('cmp', [image, again]).status).toBe(0);
      expect(lkl(['cat', image, 'small', 'deep/er/7']).stdout).toBe(`small\n${'7\n'.repeat(7)}`);
      expect(lkl(['sha256', image, 'deep/large']).stdout.slice(0, 64)).toBe(sha256(join(tree, 'deep/large')));
      if (type !== 'squashfs') expect(lkl(['fsck', image]).status).toBe(0);
      rmSync(image);
      rmSync(again);
    },
    300_000,
  );

  it('makes a squashfs of an ext4 image, as large as it needs to be', () => {
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '32M', '--from', tree, at('from.ext4')]).status).toBe(0);
    expect(lkl(['convert', '-t', 'squashfs', at('from.ext4'), at('to.squashfs')]).status).toBe(0);
    expect(statSync(at('to.squashfs')).size).toBeLessThan(MIB);
    expect(lkl(['cat', at('to.squashfs'), 'small']).stdout).toBe('small\n');
    const { status, stdout } = lkl(['fsck', at('to.squashfs')]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'squashfs has no checker: all of it was read, 57 files without an error\n',
    });
    // The first block of data, which is that of the large file.
    const file = openSync(at('to.squashfs'), 'r+');
    writeSync(file, Buffer.alloc(64, 0xff), 0, 64, 96);
    closeSync(file);
    const damaged = lkl(['fsck', at('to.squashfs')]);
    expect(damaged.status).toBe(2);
    expect(damaged.stdout).toMatch(/^\.?\/?deep\/large: EIO \(/m);
  }, 120_000);

  it('leaves what is there alone, and nothing behind when it fails', () => {
    writeFileSync(at('there'), 'precious');
    const there = lkl(['mkfs', '-t', 'ext4', '-s', '8M', at('there')]);
    expect({ status: there.status, text: readFileSync(at('there'), 'utf8') }).toEqual({ status: 1, text: 'precious' });
    const tooLong = lkl(['mkfs', '-t', 'xfs', '-s', '320M', '-L', 'longer than twelve', at('none')]);
    expect(tooLong).toMatchObject({ status: 1, stderr: 'lkl: xfs has a label of 12 bytes at most\n' });
    const tooSmall = lkl(['mkfs', '-t', 'xfs', '-s', '1M', at('none'), '--', '-m', 'crc=1']);
    expect(tooSmall.status).toBe(2);
    expect(tooSmall.stderr).toMatch(/^lkl: mkfs.xfs ended with 1: /);
    expect(lkl(['mkfs', '-t', 'nothing', '-s', '1M', at('none')]).status).not.toBe(0);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('leaves what was there when the program fails, and its permissions when it does not', () => {
    const image = at('kept');
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '8M', image])).toMatchObject({ status: 0 });
    chmodSync(image, 0o640);
    const before = sha256(image);
    expect(lkl(['mkfs', '--force', '-t', 'ext4', image, '--', '-Z'])).toMatchObject({ status: 2 });
    expect(lkl(['mkfs', '--force', '-t', 'ext4', '-s', '200K', '--from', tree, image])).toMatchObject({ status: 2 });
    expect(sha256(image)).toBe(before);
    expect(lkl(['mkfs', '--force', '-t', 'xfs', '-s', '320M', image])).toMatchObject({ status: 0 });
    expect(statSync(image)).toMatchObject({ mode: 0o100640, size: 320 * MIB });
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });
});

describe('lkl mkfs --from an image', () => {
  it('takes the partition that -p names', () => {
    const [disk, part] = [at('two-parts'), at('of-part')];
    for (const name of ['one', 'two']) {
      lkl(['mkfs', '-t', 'ext4', '-s', '4M', at(name)]);
      expect(lkl(['mkdir', at(name), `/${name}`])).toMatchObject({ status: 0 });
    }
    lkl(['partition', '--size', '12M', disk], {}, 'label: gpt\nstart=2048,size=8192\nstart=10240,size=8192\n');
    const fd = openSync(disk, 'r+');
    writeSync(fd, readFileSync(at('one')), 0, 4 * MIB, MIB);
    writeSync(fd, readFileSync(at('two')), 0, 4 * MIB, 5 * MIB);
    closeSync(fd);
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '4M', '--from', disk, part]).status).toBe(2);
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '4M', '--from', disk, '-p', '2', part])).toMatchObject({ status: 0 });
    expect(lkl(['ls', part]).stdout).toContain('two');
    expect(lkl(['convert', disk, '-p', '1', '-t', 'squashfs', at('of-one')])).toMatchObject({ status: 0 });
    expect(lkl(['ls', at('of-one')]).stdout).toContain('one');
    expect(lkl(['convert', disk, '-p', '1', '-O', 'raw', at('raw')]).status).toBe(1);
  });
});

describe('an image in a format of its own', () => {
  it('has its disk partitioned, given to programs and checked, or is left alone', () => {
    const [image, packed] = [at('disk.qcow2'), at('disk.tar')];
    lkl(['mkfs', '-t', 'ext4', '-s', '16M', at('raw.disk')]);
    expect(lkl(['convert', at('raw.disk'), image])).toMatchObject({ status: 0 });
    expect(lkl(['partition', image], {}, 'label: gpt\nstart=2048,size=20480\n')).toMatchObject({ status: 0 });
    expect(lkl(['partition', '--dump', image]).stdout).toContain('size=       20480');
    expect(lkl(['run', '--disk', image, '--', 'mkfs.ext4', '-q', '-F', '/dev/vda1'])).toMatchObject({ status: 0 });
    expect(lkl(['fsck', '-y', '-p', '1', image])).toMatchObject({ status: 0 });
    expect(readFileSync(image).subarray(0, 4)).toEqual(Buffer.from('QFI\xfb', 'latin1'));
    spawnSync('tar', ['-cf', packed, '-C', tree, '.']);
    const before = sha256(packed);
    for (const words of [
      ['run', '--disk', packed, '--', 'wipefs', '/dev/vda'],
      ['fsck', '-y', packed],
    ])
      expect(lkl(words).stderr).toContain('is not written');
    expect(sha256(packed)).toBe(before);
  });
});

describe('names that a file system cannot have', () => {
  it('are left out with what is in them, and told', () => {
    const [archive, image] = [at('names.tar'), at('names')];
    const names = at('names-tree');
    mkdirSync(join(names, 'a:b'), { recursive: true });
    for (const name of ['a:b/in', 's*r', 'fine']) writeFileSync(join(names, name), name);
    spawnSync('tar', ['-cf', archive, '-C', names, '.']);
    for (const from of [names, archive]) {
      const made = lkl(['mkfs', '--force', '-t', 'vfat', '-s', '8M', '--from', from, image]);
      expect(made).toMatchObject({ status: 3, stderr: expect.stringContaining('no such names (left out: 3 times') });
      expect(lkl(['find', image]).stdout).toBe('/\n/fine\n');
    }
  });
});

describe('lkl fsck', () => {
  it.each([
    ['xfs', '320M'],
    ['btrfs', '128M'],
  ])(
    '--auto of %s does nothing, as its fsck does, and says so',
    (type, size) => {
      const image = at(`auto.${type}`);
      expect(lkl(['mkfs', '-t', type, '-s', size, image]).status).toBe(0);
      const before = sha256(image);
      const { status, stdout } = lkl(['fsck', '--auto', image]);
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringMatching(
          `nothing to be done unasked \\(fsck\\.${type}\\(8\\)\\), and nothing was checked`,
        ),
      });
      expect(sha256(image)).toBe(before);
    },
    60_000,
  );

  it('tells of damage without touching it, and mends it when asked', () => {
    const image = at('damaged');
    lkl(['mkfs', '-t', 'ext4', '-s', '32M', '--from', tree, image]);
    const fd = openSync(image, 'r+');
    writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, 4096);
    closeSync(fd);
    const before = sha256(image);
    expect(lkl(['fsck', image]).status).toBe(2);
    expect(sha256(image)).toBe(before);
    expect(lkl(['fsck', '--yes', image]).status).toBe(3);
    expect(lkl(['fsck', image]).status).toBe(0);
    expect(lkl(['cat', image, 'small']).stdout).toBe('small\n');
  }, 120_000);
});

describe('an image that was cut short', () => {
  it('is neither checked, nor repaired, nor made to look whole', () => {
    const image = at('cut');
    lkl(['mkfs', '-t', 'ext4', '-s', '32M', '--from', tree, image]);
    truncateSync(image, 16 * MIB);
    const before = sha256(image);
    for (const words of [
      ['fsck', image],
      ['fsck', '--yes', image],
      ['resize', image, '32M'],
      ['resize', image, '8M'],
    ]) {
      const { status, stderr } = lkl(words);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('16,777,216 bytes') });
    }
    expect(sha256(image)).toBe(before);
    expect(statSync(image).size).toBe(16 * MIB);
  }, 120_000);
});

describe('lkl mkfs --force', () => {
  it('leaves what somebody else writes, and what cannot have the size, as it was; a new file of no such size is gone', () => {
    const image = at('forced');
    writeFileSync(image, 'what was there'.repeat(1000));
    const before = sha256(image);
    const held = writableFile(image);
    expect(lkl(['mkfs', '--force', '-t', 'ext4', '-s', '8M', image]).status).not.toBe(0);
    held.close();
    const tooLarge = lkl(['mkfs', '--force', '-t', 'ext4', '-s', '4000T', image]);
    expect(tooLarge).toMatchObject({ status: 4, stderr: expect.stringContaining('cannot have') });
    expect(sha256(image)).toBe(before);
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '4000T', at('none')]).status).toBe(4);
    expect(existsSync(at('none'))).toBe(false);
  });
});

describe('lkl resize', () => {
  it.each([
    ['ext4', 64],
    ['xfs', 320],
    ['btrfs', 320],
    ['f2fs', 100],
  ])(
    'makes %s larger, with all that is in it',
    (type, mib) => {
      const image = at(`${type}.growing`);
      lkl(['mkfs', '-t', type, '-s', `${mib}M`, '--from', tree, image]);
      expect(lkl(['resize', image, '+100M'])).toMatchObject({ status: 0 });
      expect(statSync(image).size).toBe((mib + 100) * MIB);
      expect(lkl(['fsck', image]).status).toBe(0);
      expect(JSON.parse(lkl(['df', '--json', image]).stdout).size_bytes).toBeGreaterThan((mib + 30) * MIB);
      expect(lkl(['cat', image, 'small']).stdout).toBe('small\n');
    },
    120_000,
  );

  it('touches nothing that is no raw image', () => {
    lkl(['mkfs', '-t', 'ext4', '-s', '8M', at('inside')]);
    writeFileSync(at('inside.gz'), gzipSync(readFileSync(at('inside'))));
    lkl(['convert', at('inside'), at('inside.qcow2')]);
    for (const [name, kind] of [
      ['inside.gz', 'gzip'],
      ['inside.qcow2', 'qcow2'],
    ] as const) {
      const before = sha256(at(name));
      const { status, stderr } = lkl(['resize', at(name), '32M']);
      expect(status).toBeGreaterThan(0);
      expect(stderr).toContain(kind);
      expect(sha256(at(name))).toBe(before);
    }
  });

  it('makes ext4 smaller, but not than what is in it; vfat keeps its size', () => {
    lkl(['mkfs', '-t', 'ext4', '-s', '64M', '--from', tree, at('shrinking')]);
    expect(lkl(['resize', at('shrinking'), '16M'])).toMatchObject({ status: 0 });
    expect(statSync(at('shrinking')).size).toBe(16 * MIB);
    expect(lkl(['fsck', at('shrinking')]).status).toBe(0);
    expect(lkl(['resize', at('shrinking'), '512k']).status).toBe(2);
    expect(statSync(at('shrinking')).size).toBe(16 * MIB);
    lkl(['mkfs', '-t', 'vfat', '-s', '64M', at('fat')]);
    expect(lkl(['resize', at('fat'), '128M']).status).toBe(2);
    expect(statSync(at('fat')).size).toBe(64 * MIB);
  }, 120_000);
});

describe('lkl shell', () => {
  it('runs what it reads in the image, and what was written is there afterwards', () => {
    lkl(['mkfs', '-t', 'ext4', '-s', '16M', '--from', tree, at('home')]);
    const script = 'pwd; cat small; echo new >deep/new; rm link; sed s/new/NEW/ deep/new; exit 5\n';
    const { status, stdout } = lkl(['shell', at('home')], {}, script);
    expect({ status, stdout }).toEqual({ status: 5, stdout: '/mnt\nsmall\nNEW\n' });
    expect(lkl(['ls', at('home')]).stdout).toBe('deep\nlost+found\nsmall\n');
    expect(lkl(['cat', at('home'), 'deep/new']).stdout).toBe('new\n');
    expect(lkl(['fsck', at('home')]).status).toBe(0);
    const reading = lkl(['shell', '--read-only', at('home')], {}, 'rm small || echo kept\n');
    expect(reading.stdout).toBe('kept\n');
  }, 60_000);
});

describe('lkl run', () => {
  it('gives a program its words, its input and its disks, and back what it says and how it ended', () => {
    lkl(['mkfs', '-t', 'ext4', '-s', '16M', '--from', tree, at('disk')]);
    const debugfs = lkl(['run', '--disk', at('disk'), '--read-only', '--', 'debugfs', '-R', 'cat small', '/dev/vda']);
    expect(debugfs.stdout).toBe('small\n');
    expect(lkl(['run', '--disk', at('disk'), '--', 'tune2fs', '-L', 'mine', '/dev/vda']).status).toBe(0);
    expect(lkl(['info', '--json', at('disk')]).stdout).toContain('"label": "mine"');
    expect(lkl(['run', '--', 'nothing']).status).toBe(1);
  }, 60_000);

  it('has a shell, whose children are processes of the kernel', () => {
    const script = 'x=$(echo a b | tr a-z A-Z); for i in 1 2; do (echo $i $x; exit 3) | cat; done; kill -9 $$';
    expect(lkl(['run', '--', 'sh', '-c', script])).toMatchObject({ status: 137, stdout: '1 A B\n2 A B\n' });
  }, 60_000);
});

describe('a file system whose tables are larger than small kernels', () => {
  it('an f2fs of 2 TB is made, written and read', () => {
    const image = at('f2fs.2tb');
    expect(lkl(['mkfs', '-t', 'f2fs', '-s', '2T', image])).toMatchObject({ status: 0, stderr: '' });
    expect(lkl(['cp', join(tree, 'small'), `${image}:/`])).toMatchObject({ status: 0, stderr: '' });
    expect(lkl(['cat', image, '/small'])).toMatchObject({ status: 0, stderr: '', stdout: 'small\n' });
    rmSync(image);
  });
});
