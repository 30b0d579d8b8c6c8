/** What is stacked on disks, from the outside: several images, passphrases from wherever they come, names, subvolumes. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writableFile } from '../../../src/node/files/writable-file.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { inWorkshop } from '../../tools/shop.ts';
import { unpackFixture } from '../command.ts';
import { keptLkl } from '../kept/kept.ts';
import { launcher } from '../launcher.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-stacks-'));
const at = (name: string): string => join(folder, name);
const image = (name: string): string => at(`${name}.img`);
const PASSPHRASE = 'correct horse';
const key = ['--passphrase-file', at('pass')];

beforeAll(async () => {
  for (const name of ['luks1', 'luks2-slots', 'gpt-luks-lvm', 'btrfs-two-0', 'btrfs-two-1', 'md-raid5-0', 'md-raid5-2'])
    await unpackFixture(`stacks/${name}`, image(name));
  writeFileSync(at('pass'), `${PASSPHRASE}\nsecond line\n`);
  writeFileSync(at('wrong'), 'wrong horse\n');
  writeFileSync(
    at('key'),
    Uint8Array.from({ length: 512 }, (_, i) => i),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const told = async (args: readonly string[]): Promise<string> => {
  const ran = lkl(args);
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: '' });
  return ran.stdout.toString();
};

describe('an encrypted volume', () => {
  it('is opened by the first line of a file, all of a key file, or the environment', async () => {
    expect(await told(['cat', image('luks1'), '/etc/hostname', ...key])).toBe('luks1\n');
    expect(await told(['cat', image('luks2-slots'), '/etc/hostname', '--key-file', at('key')])).toBe('luks2-slots\n');
    const ran = spawnSync(process.execPath, [launcher, 'cat', image('luks1'), '/etc/hostname'], {
      env: { ...process.env, LKL_PASSPHRASE: PASSPHRASE },
    });
    expect(`${ran.stdout}${ran.stderr}`).toBe('luks1\n');
  });

  it('stays closed without a passphrase or with a wrong one: one line, exit code 2', async () => {
    for (const [more, message] of [
      [[], 'is encrypted (LUKS1): it needs a passphrase or a key file'],
      [['--passphrase-file', at('wrong')], '(LUKS1): no passphrase or key file that was given opens it'],
    ] as const) {
      const { exitCode, stderr, stdout } = lkl(['fs2tar', image('luks1'), ...more, '-v']);
      expect(exitCode).toBe(2);
      expect(stdout.length).toBe(0);
      expect(stderr).toContain(`lkl: the whole image ${message}`);
      expect(stderr).not.toContain('horse');
    }
  });
});

describe('several images in a command', () => {
  it('are disks of one machine', async () => {
    const tar = lkl(['fs2tar', image('md-raid5-2'), image('md-raid5-0')]);
    expect({ exitCode: tar.exitCode, stderr: tar.stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { entries } = JSON.parse(readFileSync(fixture('md-raid5'), 'utf8'))[0];
    expect((await told(['ls', image('md-raid5-0'), '--also', image('md-raid5-2')])).trim().split('\n')).toEqual(
      entries.map(({ path }: { path: string }) => path).filter((path: string) => path !== '.' && !path.includes('/')),
    );
  });

  it('subvolumes and snapshots of a btrfs, by path and by number', async () => {
    const both = [image('btrfs-two-0'), '--also', image('btrfs-two-1')];
    expect(await told(['cat', ...both, '--subvol', 'deep/inner', 'etc/hostname'])).toBe('inner\n');
    expect(await told(['ls', ...both, '--subvol', '256'])).toBe('data\netc\nhard\n');
    expect(await told(['ls', ...both, '--subvol', '@home-before'])).toBe('data\netc\nhard\nlink\n');
    expect(await told(['info', image('btrfs-two-0'), image('btrfs-two-1')])).toContain(
      ['256  @home', '257  deep/inner', '258  @home-before            snapshot, read-only'].join('\n'),
    );
  });
});

describe('info', () => {
  it('draws the stack as lsblk does', async () => {
    const lines = (await told(['info', image('gpt-luks-lvm'), ...key])).split('\n');
    const tree = lines
      .slice(lines.indexOf('partition 2'))
      .map((line) => line.replace(/-[\da-f]{8}-.*|(?<=\S) {2}.*/, ''));
    expect(tree.filter(Boolean)).toEqual([
      'partition 2',
      '└─/dev/mapper/luks',
      '  ├─/dev/vg/root',
      '  ├─/dev/vg/home',
      '  └─/dev/vg/swap',
    ]);
  });

  it('tells what stayed closed', async () => {
    expect(await told(['info', image('gpt-luks-lvm')])).toContain('closed: partition 2 is encrypted (LUKS2)');
  });
});

const fixture = (name: string): URL => new URL(`../../../test/fixtures/stacks/${name}.json`, import.meta.url);

it('what lies in an encrypted volume is checked and repaired there', async () => {
  const file = writableFile(image('luks1'));
  await inWorkshop({}, (shop) =>
    shop.withVolume(rawDevice(file), { unlock: { secrets: [Buffer.from(PASSPHRASE)] } }, ({ path }) =>
      shop.must(['debugfs', '-w', '-R', 'clri <12>', path]),
    ),
  );
  file.close();
  const fsck = (...more: readonly string[]) => lkl(['fsck', image('luks1'), ...more]);
  expect(fsck(...key)).toMatchObject({ exitCode: 2, stderr: '' });
  // Looked at again: it has no errors any more.
  expect(fsck('--yes', ...key)).toMatchObject({ exitCode: 3, stderr: '' });
  const inGroup = lkl(['fsck', image('gpt-luks-lvm'), '-p', 'vg/root', ...key]);
  expect(inGroup.exitCode).toBe(0);
  expect(inGroup.stdout.toString()).toContain('root: ');
});
