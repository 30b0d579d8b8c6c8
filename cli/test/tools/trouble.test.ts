/** What goes wrong with images, trees and tars that tools are given: each says what it is, and nothing half passes for whole. */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { writableFile } from '../../../src/node/files/writable-file.ts';
import { startLkl } from '../command.ts';
import { keptTools, sha256, testFolder } from '../tools-kit.ts';

const MIB = 1 << 20;
const at = testFolder();
const lkl = keptTools();
const tree = at('tree');

beforeAll(() => {
  mkdirSync(`${tree}/deep`, { recursive: true });
  writeFileSync(`${tree}/small`, 'small\n');
  writeFileSync(`${tree}/deep/large`, Buffer.alloc(5 * MIB, 'large '));
});

const overwrite = (path: string, from: number, bytes: Uint8Array): void => {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, from);
  closeSync(fd);
};

/** One block, as ustar has it. */
function header(name: string, type: string, size = 0, link = ''): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(type === '5' ? '0000755' : '0000644', 100);
  block.write(size.toString(8).padStart(11, '0'), 124);
  block.write('00000000000', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link, 157);
  block.write('ustar\x0000', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
const folder = (name: string) => header(name, '5');
const file = (name: string, text: string) =>
  Buffer.concat([header(name, '0', text.length), Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, '\0'))]);
const symlink = (name: string, to: string) => header(name, '2', 0, to);
const hardlink = (name: string, to: string) => header(name, '1', 0, to);
const tar = (...members: readonly Buffer[]) => Buffer.concat([...members, Buffer.alloc(1024)]);

it('lkl mkfs that is ended leaves what was there, and nothing beside it', async () => {
  const image = at('ended');
  mkdirSync(image);
  writeFileSync(`${image}/disk`, 'what was there');
  const making = startLkl(['mkfs', '--force', '-t', 'ext4', '-s', '64M', '--from', tree, `${image}/disk`]);
  while (readdirSync(image).length < 3 && making.exitCode === null) await setTimeout(5);
  making.kill('SIGTERM');
  expect(await new Promise((resolve) => making.on('close', resolve))).toBe(143);
  expect(readdirSync(image)).toEqual(['disk']);
  expect(readFileSync(`${image}/disk`, 'utf8')).toBe('what was there');
});

describe('lkl fsck', () => {
  it('says that an image is being written, and by whom, and judges nothing', () => {
    const image = at('used');
    lkl(['mkfs', '-t', 'ext4', '-s', '16M', image]);
    const held = writableFile(image);
    for (const words of [
      ['fsck', image],
      ['fsck', '--yes', image],
      ['resize', image, '32M'],
    ]) {
      expect(lkl(words)).toMatchObject({
        status: 4,
        stdout: '',
        stderr: expect.stringContaining(`process ${process.pid} of `),
      });
    }
    held.close();
    expect(lkl(['fsck', image]).status).toBe(0);
    expect(statSync(image).size).toBe(16 * MIB);
  }, 60_000);

  it('calls none clean whose counts are wrong, which e2fsck ends with 0 at', () => {
    const image = at('counts.ext4');
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '8M', image])).toMatchObject({ status: 0 });
    const words = [
      'run',
      '--disk',
      image,
      '--',
      'debugfs',
      '-w',
      '-R',
      'set_super_value free_inodes_count 7',
      '/dev/vda',
    ];
    expect(lkl(words)).toMatchObject({ status: 0 });
    expect(lkl(['fsck', image])).toMatchObject({
      status: 2,
      stdout: expect.stringMatching(/count wrong[\s\S]*Fix\? no/),
    });
    expect(lkl(['fsck', '--auto', image])).toMatchObject({ status: 3 });
    expect(lkl(['fsck', image])).toMatchObject({ status: 0 });
  });

  it('calls no file system clean that is larger than its partition', () => {
    const [image, disk] = [at('large.ext4'), at('cut.disk')];
    lkl(['mkfs', '-t', 'ext4', '-s', '16M', image]);
    writeFileSync(disk, Buffer.alloc(10 * MIB));
    expect(spawnSync('/usr/sbin/sfdisk', ['-q', disk], { input: 'start=2048, size=16384, type=83\n' }).status).toBe(0);
    overwrite(disk, MIB, readFileSync(image).subarray(0, 8 * MIB));
    const before = sha256(disk);
    for (const words of [
      ['fsck', disk],
      ['fsck', '--auto', disk],
      ['fsck', '--yes', disk],
    ]) {
      const { status, stderr } = lkl(words);
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr:
          'lkl: partition 1 has 8,388,608 bytes, the ext4 on it 16,777,216: half of it is neither checked nor resized\n',
      });
    }
    expect(sha256(disk)).toBe(before);
  }, 60_000);

  it.each([
    ['ext4', 128],
    ['xfs', 4],
    ['btrfs', 128],
  ] as const)(
    'knows a lost %s by a copy of its superblock, says how it is repaired, and does',
    (type, lostKib) => {
      const image = at(`lost.${type}`);
      lkl(['mkfs', '-t', type, '-s', '320M', '--from', tree, image]);
      overwrite(image, 0, Buffer.alloc(lostKib * 1024));
      const { status, stderr } = lkl(['fsck', image]);
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringContaining(`fsck --yes --type ${type} repairs it`),
      });
      expect(lkl(['fsck', '--yes', '--type', type, image]).status).toBe(3);
      expect(lkl(['fsck', image]).status).toBe(0);
      expect(lkl(['cat', image, 'small']).stdout).toBe('small\n');
      rmSync(image);
    },
    120_000,
  );

  it('says which option may help where it could not do its work', () => {
    const image = at('gone');
    writeFileSync(image, Buffer.alloc(16 * MIB));
    expect(lkl(['fsck', '--type', 'ext4', image])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--auto or --yes/),
    });
  }, 60_000);
});

it('lkl mkfs does not put a raw image of the size of its file in the place of a qcow2', () => {
  expect(lkl(['mkfs', '-t', 'ext4', '-s', '8M', at('raw.img')]).status).toBe(0);
  expect(lkl(['convert', at('raw.img'), at('disk.qcow2')]).status).toBe(0);
  const before = sha256(at('disk.qcow2'));
  expect(lkl(['mkfs', '-f', '-t', 'ext4', at('disk.qcow2')])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/disk.qcow2 is qcow2, .* --size says how large/),
  });
  expect(sha256(at('disk.qcow2'))).toBe(before);
  expect(lkl(['mkfs', '-f', '-t', 'ext2', '-s', '2M', at('disk.qcow2')])).toMatchObject({
    status: 0,
    stderr: `lkl: ${at('disk.qcow2')} is raw, whatever its name: lkl convert makes qcow2 of it\n`,
  });
  expect(lkl(['mkfs', '-f', '-t', 'ext4', at('raw.img')]).status).toBe(0);
});

it('of two lkl mkfs of one new image the second says so, and leaves the image of the first', async () => {
  const making = () => {
    const child = startLkl(['mkfs', '-t', 'ext4', '-s', '8M', at('two.img')]);
    return new Promise((resolve) => child.on('close', resolve));
  };
  const codes = await Promise.all([making(), making(), making()]);
  expect(codes.filter((code) => code === 0)).toHaveLength(1);
  expect(codes.every((code) => code === 0 || code === 1 || code === 4)).toBe(true);
  expect(lkl(['fsck', at('two.img')]).status).toBe(0);
  expect(readdirSync(at('.')).filter((name) => /lkl-|lock/.test(name))).toEqual([]);
});

it('a new volume is not left unencrypted where only its key is missing', () => {
  expect(lkl(['mkfs', '-t', 'ext4', '-s', '32M', '--luks-pbkdf', 'pbkdf2', at('none')])).toMatchObject({
    status: 1,
    stderr: 'lkl: say what encrypts it: a key file or a file with a passphrase\n',
  });
  expect(existsSync(at('none'))).toBe(false);
});

it('standard input is not taken for empty by whoever reads it second', () => {
  const words = ['-t', 'ext4', '-s', 'fit', '--from', '-', '--luks-passphrase-file', '-', at('none')];
  expect(lkl(['mkfs', ...words], { input: 'pass\n' })).toMatchObject({
    status: 1,
    stderr: 'lkl: standard input can be read for one thing alone, and was\n',
  });
  expect(existsSync(at('none'))).toBe(false);
});

describe('a size', () => {
  it('that is none, or too small for the type, is told in bytes', () => {
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '0', at('none')])).toMatchObject({
      status: 1,
      stderr: 'lkl: 0 bytes are too few for ext4, which has 106,496 at least\n',
    });
    expect(lkl(['mkfs', '-t', 'xfs', '-s', '1k', at('none')])).toMatchObject({
      status: 1,
      stderr: 'lkl: 1,024 bytes are too few for xfs, which has 314,572,800 at least\n',
    });
    expect(existsSync(at('none'))).toBe(false);
  });

  it('in which the tree does not fit names what has no room, and what would be enough, which is', () => {
    const { status, stderr } = lkl(['mkfs', '-t', 'ext4', '-s', '4M', '--from', tree, at('none')]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(
        /no room for deep\/large in 4,194,304 bytes; the tree has 5,\d+,\d+ bytes in 4 files, for which about [\d,]+ are enough/,
      ),
    });
    expect(existsSync(at('none'))).toBe(false);
    const enough = /about ([\d,]+) are/.exec(stderr)?.[1]?.replaceAll(',', '') ?? '';
    expect(lkl(['mkfs', '-t', 'ext4', '-s', enough, '--from', tree, at('enough')]).status).toBe(0);
  }, 60_000);

  it.each([
    ['ext4', 11 * MIB],
    ['ext2', 6 * MIB],
    ['vfat', 6 * MIB],
    ['exfat', 8 * MIB],
  ])(
    'of %s that fits is small, the same as if it were given, and clean',
    (type, most) => {
      const [image, again] = [at(`fit.${type}`), at(`fit.${type}.again`)];
      for (const one of [image, again]) {
        expect(lkl(['mkfs', '-t', type, '-s', 'fit', '--seed', 'x', '--from', tree, one])).toMatchObject({
          status: 0,
          stderr: '',
        });
      }
      expect(sha256(image)).toBe(sha256(again));
      expect(statSync(image).size).toBeLessThan(most);
      expect(lkl(['fsck', image]).status).toBe(0);
      expect(lkl(['sha256', image, 'deep/large']).stdout.slice(0, 64)).toBe(sha256(`${tree}/deep/large`));
    },
    120_000,
  );

  it('in which the files have no inodes is given as many as there are files, unless somebody said how many', () => {
    mkdirSync(at('many'));
    for (let n = 0; n < 1500; n++) writeFileSync(join(at('many'), `${n}`), '');
    const make = (...more: readonly string[]) =>
      lkl(['mkfs', '--force', '-t', 'ext4', '-s', '4M', at('many.img'), '--from', at('many'), ...more]);
    expect(make('--', '-N', '100')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no inode is left for '),
    });
    expect(make()).toMatchObject({ status: 0, stderr: '' });
    expect(lkl(['fsck', at('many.img')]).status).toBe(0);
    // Twice, and a pipe has its key once.
    const key = ['--luks-pbkdf', 'pbkdf2', '--luks-passphrase-file', '-'];
    expect(
      lkl(['mkfs', '-t', 'ext4', '-s', '20M', at('many.luks'), '--from', at('many'), ...key], { input: 'pass\n' }),
    ).toMatchObject({ status: 0, stderr: '' });
    // The volume is as large as what is behind its header of 16 MiB.
    const opens = (args: readonly string[], passphrase = 'pass') =>
      lkl([...args, '--passphrase-file', '-'], { input: `${passphrase}\n` });
    expect(opens(['resize', at('many.luks'), '24M'])).toMatchObject({ status: 0, stderr: '' });
    expect(opens(['fsck', at('many.luks')])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('/8192 blocks'),
    });
    expect(opens(['resize', at('many.luks'), '64M'], 'no').status).toBe(2);
    expect(statSync(at('many.luks')).size).toBe(24 * MIB);
  });

  it.each([700, 1500])(
    'that fits %i small files has next to nothing left, and inodes for all',
    (count) => {
      const many = at(`many-${count}`);
      mkdirSync(many);
      for (let file = 0; file < count; file++) writeFileSync(`${many}/${file}`, 'small\n');
      const image = at(`many-${count}.ext4`);
      expect(lkl(['mkfs', '-q', '-t', 'ext4', '-s', 'fit', '--from', many, image])).toMatchObject({
        status: 0,
        stderr: '',
      });
      // A block of 1 KiB and an inode of 256 bytes each, tables of groups, and a journal of 1 MiB from 2 MiB on.
      expect(statSync(image).size).toBeLessThan(count * 1280 + 1.5 * MIB);
      expect(lkl(['fsck', image]).status).toBe(0);
    },
    60_000,
  );

  it('that fits is that of a tree', () => {
    expect(lkl(['mkfs', '-t', 'ext4', '-s', 'fit', at('none')])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--from'),
    });
  });
});

describe('a tar', () => {
  const tars: Readonly<Record<string, Buffer>> = {
    'goes through symlinks': tar(
      folder('real'),
      symlink('s', 'real'),
      file('s/f', 'f'),
      symlink('up', '../../..'),
      file('up/g', 'g'),
      symlink('abs', '/real'),
      file('abs/h', 'h'),
    ),
    'leads out of itself': tar(
      file('../out', 'out'),
      file('a/../../b', 'b'),
      file('/etc/abs', 'abs'),
      file('./x/./y', 'y'),
    ),
    'has symlinks to nowhere': tar(
      symlink('dangling', 'nowhere'),
      file('dangling/f', 'f'),
      symlink('loop', 'loop'),
      file('loop/f', 'f'),
    ),
    'has files for directories': tar(file('f', 'f'), file('f/g', 'g'), folder('f/h'), folder('d'), symlink('d', 'f')),
    'says at last that it is a directory': tar(file('f', 'f'), folder('f/h'), folder('f'), file('f/g', 'g')),
    'names its top': tar(folder('.'), folder('..'), folder('/'), folder('./x/')),
    'links out of itself': tar(file('etc/passwd', 'own'), hardlink('link', '../../etc/passwd')),
  };
  // As GNU tar, which says "Cannot open: Not a directory" and goes on.
  const leftOut: Readonly<Record<string, string>> = {
    'has files for directories': '2 entries are in what is no directory, and are left out (first f/g)',
    'has symlinks to nowhere': '2 entries are in what is no directory, and are left out (first dangling/f)',
    'says at last that it is a directory': '1 entry is in what is no directory, and is left out (f/h)',
  };
  it.each(Object.entries(tars))(
    'that %s is the same tree for mkfs and for tar -x, and both say what they changed',
    (name, bytes) => {
      const [archive, made, unpacked] = [at('hostile.tar'), at('made'), at('unpacked')];
      writeFileSync(archive, bytes);
      const making = lkl(['mkfs', '--force', '-t', 'ext4', '-s', '8M', '--from', archive, made]);
      lkl(['mkfs', '--force', '-t', 'ext4', '-s', '8M', unpacked]);
      const unpacking = lkl(['tar', '-x', '-f', archive, unpacked]);
      const left = leftOut[name];
      expect(making).toMatchObject(left === undefined ? { status: 0 } : { status: 3, stderr: `lkl: ${left}\n` });
      expect(unpacking).toEqual(making);
      expect(lkl(['find', made, '/']).stdout).toBe(lkl(['find', unpacked, '/']).stdout);
      if (name === 'leads out of itself') {
        expect(making.stderr).toBe(
          'lkl: 2 paths of the tar lead out of it with "..": they are taken from the top (first ../out)\n' +
            'lkl: 1 path of the tar is absolute: it is taken from the top (/etc/abs)\n',
        );
        expect(lkl(['cat', made, 'out', 'b', 'etc/abs', 'x/y']).stdout).toBe('outbabsy');
      }
      if (name === 'has files for directories') expect(lkl(['cat', made, 'f']).stdout).toBe('f');
      if (name === 'says at last that it is a directory') expect(lkl(['cat', made, 'f/g']).stdout).toBe('g');
      if (name === 'goes through symlinks') expect(lkl(['cat', made, 'real/f', 'g', 'real/h']).stdout).toBe('fgh');
      if (name === 'links out of itself') expect(lkl(['cat', made, 'link']).stdout).toBe('own');
    },
    60_000,
  );

  it('into an image with /lib -> usr/lib leaves that, and puts files where it leads', () => {
    const [archive, image] = [at('lib.tar'), at('merged')];
    writeFileSync(archive, tar(folder('usr'), folder('usr/lib'), symlink('lib', 'usr/lib')));
    lkl(['mkfs', '-t', 'ext4', '-s', '8M', '--from', archive, image]);
    writeFileSync(archive, tar(file('lib/modules/x', 'x')));
    expect(lkl(['tar', '-x', '-f', archive, image]).status).toBe(0);
    expect(lkl(['cat', image, 'usr/lib/modules/x']).stdout).toBe('x');
  }, 60_000);

  it('with a link to what is not in it names the link', () => {
    const [archive, image] = [at('broken.tar'), at('none')];
    writeFileSync(archive, tar(hardlink('link', 'nowhere/at/all')));
    expect(lkl(['mkfs', '-t', 'ext4', '-s', '8M', '--from', archive, image])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('link'),
    });
    expect(existsSync(image)).toBe(false);
  }, 60_000);

  it('with hard links is files of their own on FAT', () => {
    const [archive, image] = [at('links.tar'), at('links.vfat')];
    writeFileSync(archive, tar(file('one', 'the same'), hardlink('two', 'one')));
    expect(lkl(['mkfs', '-t', 'vfat', '-s', '8M', '--from', archive, image]).stderr).toContain('no hard links');
    expect(lkl(['cat', image, 'one', 'two']).stdout).toBe('the samethe same');
  }, 60_000);

  it('that was cut short makes no image, unless that is asked for', () => {
    const [archive, image] = [at('short.tar'), at('none')];
    writeFileSync(archive, tar(file('one', 'whole'), file('two', 'x'.repeat(5000))));
    truncateSync(archive, 1024);
    const words = ['mkfs', '-t', 'ext4', '-s', '8M', '--from', archive];
    expect(lkl([...words, image])).toMatchObject({ status: 2, stderr: expect.stringContaining('cut short') });
    expect(existsSync(image)).toBe(false);
    expect(lkl([...words, '--even-if-cut', at('some')]).status).toBe(0);
    expect(lkl(['cat', at('some'), 'one']).stdout).toBe('whole');
  }, 60_000);
});

describe('an image that was cut short', () => {
  it('is looked at in a shell when that is asked for, and never written', () => {
    const image = at('half');
    lkl(['mkfs', '-t', 'ext4', '-s', '64M', '--from', tree, image]);
    truncateSync(image, 40 * MIB);
    expect(lkl(['shell', '--even-if-cut', image]).status).toBe(1);
    expect(lkl(['shell', '--read-only', '--even-if-cut', image], { input: 'cat small\n' })).toMatchObject({
      status: 0,
      stdout: 'small\n',
    });
  }, 60_000);
});

describe('the memory of the kernel', () => {
  it('has files of holes, however long', () => {
    const script =
      'truncate -s 100M /holes; ls -s /holes; echo x | dd of=/far bs=1k seek=50000 2>&1 | tail -n 1; ls -s /far';
    const { status, stdout } = lkl(['run', '--', 'sh', '-c', script]);
    expect({ status, lines: stdout.split('\n').map((line) => line.trim()) }).toMatchObject({
      status: 0,
      lines: expect.arrayContaining(['0 /holes', '4 /far']),
    });
  });

  it('may be filled by a file, and that is said at once', () => {
    const { status, stderr } = lkl(['run', '--', 'dd', 'if=/dev/zero', 'of=/big', 'bs=64k']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/cannot allocate memory|Out of memory/i);
    expect(stderr).not.toMatch(/soft lockup/);
  });
});
