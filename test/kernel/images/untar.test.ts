/** A tar of an image, unpacked into another by Linux, is the same tree. */

import { beforeAll, describe, expect, it } from 'vitest';
import { readTar } from '../../../src/archive/tar/tar-reader.ts';
import { concat } from '../../../src/bytes/concat.ts';
import { linux, type MountedWritableTree } from '../../../src/linux.ts';
import { nodeHost } from '../../../src/node/host.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { tarEntries } from '../../../src/tree/write/tar-entries.ts';
import kernelModule from '../../../wasm/dist/kernel.wasm';
import snapshot from '../../../wasm/dist/snapshot.json' with { type: 'json' };
import { fixtureDevice } from '../../fixtures/load.ts';

const engine = linux({
  module: kernelModule,
  snapshot,
  host: nodeHost,
  limits: { kernelsMib: 256, mountMib: [20, 64], ready: 0, patienceMs: 0 },
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function tarOf(mounted: Pick<MountedWritableTree, 'tar'>, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await mounted.tar({ path: Buffer.from(path), onError: 'stop' }, (chunk) => {
    chunks.push(chunk.slice());
  });
  return concat(chunks);
}

/** Attributes that a file system has for itself: xfs shows ACLs under a second name. */
const ofOneType = /^(trusted\.SGI_ACL_|btrfs\.)/;

/** Of each entry below `path` what a tar says of it, times of directories left out: filling changes that of the top. */
async function rows(tar: Uint8Array, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const member of readTar(one(tar))) {
    const path = Buffer.from(member.path).toString('latin1');
    const below = path.replace(/^\.\//, '').replace(new RegExp(`^${prefix}/?`), '');
    const content: string[] = [];
    for await (const piece of member.content()) {
      content.push(typeof piece === 'number' ? `hole ${piece}` : Buffer.from(piece).toString('base64'));
    }
    const link = Buffer.from(member.linkPath).toString('latin1');
    const target = member.type === 'hardlink' ? link.replace(/^\.\//, '').replace(new RegExp(`^${prefix}/`), '') : link;
    const xattrs = [...member.xattrs]
      .filter(([name]) => !ofOneType.test(name))
      .map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
      .sort();
    const { type, mode, uid, gid, mtimeNs, device, size } = member;
    const device_ = type === 'char' || type === 'block' ? `${device.major}:${device.minor}` : '';
    if (below === '' || below === '.' || below.startsWith('lost+found')) continue;
    found.push(
      [below, type, mode.toString(8), uid, gid, mtimeNs, device_, size, target, ...xattrs, content.join('')].join(' '),
    );
  }
  return found.sort();
}

describe('tar -x', () => {
  let target: MountedWritableTree;
  beforeAll(async () => {
    const device: BlockDevice = overlay(await fixtureDevice('xfs'), { limitMib: 64 });
    target = await engine.openWritableTree(device, {});
    return () => target.close();
  });

  it.each(['ext4', 'xfs', 'btrfs', 'squashfs-zstd', 'iso9660-rock-ridge'])('%s', async (name) => {
    const source = await engine.openTree(await fixtureDevice(name), {});
    const tar = await tarOf(source, '/');
    await source.close();
    await target.changes.mkdir(Buffer.from(`/${name}`), 0o755);
    const report = await target.fill(Buffer.from(`/${name}`), tarEntries(readTar(one(tar))));
    // What compresses btrfs is nothing that xfs could keep, and is told.
    expect(report.losses.map(({ kind }) => kind)).toEqual(name === 'btrfs' ? ['xattr'] : []);
    const again = await tarOf(target, `/${name}`);
    expect(await rows(again, name)).toEqual(await rows(tar, ''));
  });

  it('what lies deeper than one call reaches is changed all the same', async () => {
    let path = '';
    for (let depth = 0; depth < 20; depth++) {
      path += `/${'d'.repeat(240)}`;
      await target.changes.mkdir(Buffer.from(path), 0o755);
    }
    await target.changes.chmod(Buffer.from(path), 0o700);
    expect((await target.tree.stat(Buffer.from(path))).mode & 0o777).toBe(0o700);
    await target.changes.rename(Buffer.from(path), Buffer.from('/up'));
    await target.changes.rmdir(Buffer.from('/up'));
  });
});
