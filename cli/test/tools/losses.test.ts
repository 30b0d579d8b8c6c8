/** Trees with what not every file system has a place for: kept where it can be, told where it cannot. */

import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { entryHeader, trailer } from '../../../src/archive/tar/tar-writer.ts';
import { keptTools, testFolder } from '../tools-kit.ts';

const at = testFolder();
const lkl = keptTools();
const MIB = 1 << 20;

beforeAll(() => {
  expect(lkl(['mkfs', '-t', 'ext4', '-s', '16M', at('odd'), '--', '-b', '4096']).status).toBe(0);
  const script = `
    mkdir -p /mnt && mount -t ext4 /dev/vda /mnt && cd /mnt && rmdir lost+found
    mknod null c 1 3 && ln null null2 && mkfifo pipe
    echo x > "$(printf 'caf\\351')" && ln "$(printf 'caf\\351')" hard
    ln -s "$(printf '%04000d' 0)" far
    touch plain && date -s @5000000000 >/dev/null && touch late
    cd / && umount /mnt`;
  expect(lkl(['run', '-d', at('odd'), '--', 'sh', '-ec', script])).toMatchObject({ status: 0, stderr: '' });
}, 60_000);

const convert = (type: string, ...words: readonly string[]) =>
  lkl(['convert', '-t', type, ...words, at('odd'), at(`odd.${type}`)]);
const names = (type: string) => lkl(['ls', at(`odd.${type}`)]).stdout;

it('what was left out is there when the tar has it once more, as something that can be', () => {
  const script = 'ln -s nowhere again && tar cf a.tar again && rm again && echo text >again && tar rf a.tar again';
  spawnSync('sh', ['-ec', script], { cwd: at('.') });
  const { status, stderr } = lkl(['mkfs', '-t', 'vfat', '-s', '8M', at('again.vfat'), '--from', at('a.tar')]);
  expect(stderr).toContain('no such symlinks (left out: again)');
  expect(status).toBe(3);
  expect(lkl(['cat', at('again.vfat'), 'again']).stdout).toBe('text\n');
});

it('an attribute that is longer than a block of ext4 is lost, not the image; xfs keeps it', () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const file = { type: 'file', path: encode('small'), mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: 0 } as const;
  const xattrs = [{ name: encode('user.long'), value: new Uint8Array(60_000).fill(7) }];
  writeFileSync(at('long.tar'), Buffer.concat([entryHeader({ ...file, xattrs }), trailer()]));
  const { status, stderr } = lkl(['mkfs', '-t', 'ext4', '-s', '16M', at('long.ext4'), '--from', at('long.tar')]);
  expect(stderr).toContain('no such attributes (small)');
  expect(status).toBe(3);
  expect(lkl(['fsck', at('long.ext4')]).status).toBe(0);
  expect(lkl(['mkfs', '-t', 'xfs', '-s', '320M', at('long.xfs'), '--from', at('long.tar')])).toMatchObject({
    status: 0,
    stderr: '',
  });
  // Where there is no room at all, that is still said.
  const full = ['mkfs', '-t', 'ext4', '-s', '1M', at('full.ext4'), '--from', at('large.tar')];
  writeFileSync(at('large'), Buffer.alloc(3 * MIB, 1));
  spawnSync('tar', ['-C', at('.'), '-cf', at('large.tar'), 'large']);
  expect(lkl(full)).toMatchObject({ status: 2, stderr: expect.stringContaining('no room for large') });
}, 60_000);

it.each([
  ['squashfs', 255],
  ['erofs', 254],
])('a path that the program of %s cannot have is told; names of %i bytes it has', (type, longest) => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const fields = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: 0 } as const;
  const deep = `${'d'.repeat(100)}/`.repeat(41);
  const paths = ['n'.repeat(longest), 'm'.repeat(255), `${deep}file`, 'z'];
  const headers = paths.map((path) => entryHeader({ ...fields, path: encode(path) }));
  writeFileSync(at('paths.tar'), Buffer.concat([...headers, trailer()]));
  const made = lkl(['mkfs', '-f', '-t', type, at(`paths.${type}`), '--from', at('paths.tar')]);
  expect(made.stderr).toContain('no such names (left out: ');
  expect(made.status).toBe(3);
  const kept = lkl(['ls', at(`paths.${type}`)]).stdout.split('\n');
  expect(kept).toContain('n'.repeat(longest));
  expect(kept.includes('m'.repeat(255))).toBe(longest === 255);
  expect(kept).toContain('z');
});

describe('a tree with odd names, links, devices and times', () => {
  it('is the same in a small ext4, whose blocks are large enough for its symlinks', () => {
    expect(convert('ext4', '-s', 'fit')).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(at('odd.ext4')).size).toBeLessThan(MIB);
    expect(lkl(['fsck', at('odd.ext4')]).status).toBe(0);
    const { stdout } = lkl(['diff', at('odd'), at('odd.ext4')]);
    expect(stdout.split('\n').filter((line) => !/lost\+found|^$/.test(line))).toEqual([]);
  }, 60_000);

  it.each([
    ['vfat', '8M', ['no such names', 'no such symlinks', 'no such devices, pipes and sockets (left out: 3 times']],
    ['exfat', '8M', ['no such names', 'no such symlinks', 'no such devices, pipes and sockets (left out: 3 times']],
    ['xfs', '320M', ['no such symlinks (left out: far)']],
    ['squashfs', undefined, ['no such times (2 times, first ']],
  ] as const)(
    'loses in %s what that has no place for, and says what',
    (type, size, said) => {
      const { status, stderr } = convert(type, ...(size === undefined ? [] : ['-s', size]));
      for (const words of said) expect(stderr).toContain(words);
      expect(status).toBe(3);
      expect(names(type)).toContain('plain');
      if (type !== 'squashfs') expect(lkl(['fsck', at(`odd.${type}`)]).status).toBe(0);
    },
    60_000,
  );

  it('is not whole in a zip, which has no devices: fs2zip says so', () => {
    const { status, stderr } = lkl(['fs2zip', at('odd'), '-o', at('odd.zip')]);
    expect(stderr).toContain('devices and FIFOs were left out, of which a zip has none: 3');
    expect(status).toBe(3);
    expect(spawnSync('unzip', ['-p', at('odd.zip'), 'hard'], { encoding: 'utf8' }).stdout).toBe('x\n');
  });
});
