/** A folder of this machine in an image file: written in place, by one process at a time. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fixtureDevice } from '../../test/fixtures/load.ts';
import { archive } from '../../test/kernel/archive.ts';
import { newKernel } from '../../test/kernel/kernel.ts';
import { type ReadEntry, readTar } from '../../test/kernel/read-tar.ts';
import { errnos } from '../abi/errno.ts';
import { openWritable } from '../image/mounting/writable-image.ts';
import { SECTOR } from '../storage/block-device.ts';
import { openDisk } from '../storage/open-disk.ts';
import { copyTree } from '../tree/write/copy-tree.ts';
import { TreeWriter } from '../tree/write/tree-writer.ts';
import { writableFile } from './files/writable-file.ts';
import { hostTree } from './host-tree.ts';
import { cstring, hostCall } from './native/calls.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-host-tree-'));
afterAll(() => rmSync(folder, { recursive: true }));
const bytes = (text: string) => new TextEncoder().encode(text);

async function imageFile(name: string): Promise<string> {
  const device = await fixtureDevice(name);
  const all = new Uint8Array(device.sectors * SECTOR);
  device.read(0, all);
  const path = join(folder, `${name}.img`);
  writeFileSync(path, all);
  return path;
}

function makeTree(): Buffer {
  const root = join(folder, 'tree');
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'sub/plain'), 'plain\n');
  linkSync(join(root, 'sub/plain'), join(root, 'second'));
  symlinkSync('sub/plain', join(root, 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff, 0x0a)]), '');
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const sparse = openSync(join(root, 'sparse'), 'w');
  writeSync(sparse, 'end', 4_000_000);
  closeSync(sparse);
  chmodSync(join(root, 'sub/plain'), 0o4755);
  lutimesSync(join(root, 'link'), 1000, 1234.5);
  utimesSync(join(root, 'sub/plain'), 1000, 1_700_000_000.25);
  utimesSync(join(root, 'sub'), 1000, 1_600_000_000);
  return Buffer.from(root);
}

it('a tree arrives whole: names, types, links, holes, modes and times', async () => {
  const path = await imageFile('ext4');
  const file = writableFile(path);
  const { device } = await openDisk(file);
  const image = await openWritable(newKernel, device, {});
  const writer = await TreeWriter.open(image.task, image.mountPoint);
  const report = await copyTree(writer, hostTree(makeTree(), bytes('t'), { uid: 5, gid: 6 }));
  await writer.close();
  await image.commit();
  file.close();
  expect(report).toMatchObject({ entries: 8, losses: [] });

  const again = writableFile(path);
  const entries = readTar((await archive((await openDisk(again)).device)).tar);
  again.close();
  const found = (name: string | Uint8Array): Partial<ReadEntry> => {
    const wanted = Buffer.concat([Buffer.from('./t/'), Buffer.from(name as string)]);
    return entries.find((entry) => wanted.equals(entry.path)) ?? {};
  };
  expect(found('second')).toMatchObject({ typeflag: '0', mode: 0o4755, uid: 5, gid: 6, data: bytes('plain\n') });
  expect(found('second').mtimeNs).toBe(1_700_000_000_250_000_000n);
  expect(found('sub/plain')).toMatchObject({ typeflag: '1', linkPath: bytes('./t/second') });
  expect(found('sub/').mtimeNs).toBe(1_600_000_000_000_000_000n);
  expect(found('link')).toMatchObject({ typeflag: '2', linkPath: bytes('sub/plain'), mtimeNs: 1_234_500_000_000n });
  expect(found('pipe')).toMatchObject({ typeflag: '6' });
  expect(found(Uint8Array.of(0xff, 0x0a))).toMatchObject({ typeflag: '0', size: 0 });
  expect(found('sparse')).toMatchObject({ size: 4_000_003 });
  expect(found('sparse').data?.length).toBeLessThan(10_000);
});

it.skipIf(process.geteuid?.() !== 0)('labels of this machine come where they are asked for', async () => {
  const file = join(folder, 'labelled');
  writeFileSync(file, '');
  const [name, key, value] = [file, 'security.selinux', 'system_u:object_r:etc_t:s0'].map(cstring);
  const ret = hostCall('lsetxattr', name ?? 0, key ?? 0, value ?? 0, value?.length ?? 0, 0);
  // Not every file system has such.
  if (ret === -errnos.EOPNOTSUPP.number) return;
  expect(ret).toBe(0);
  const keysOf = async (labels: boolean) => {
    const keys: string[] = [];
    for await (const { attributes } of hostTree(Buffer.from(file), bytes('f'), { labels }))
      keys.push(...(attributes.xattrs?.keys() ?? []));
    return keys;
  };
  expect(await keysOf(false)).toEqual([]);
  expect(await keysOf(true)).toEqual(['security.selinux']);
});

it('a file that one process writes is not written by another, until that is gone', async () => {
  const path = await imageFile('ext2');
  const file = writableFile(path);
  expect(() => writableFile(path)).toThrow(
    new RegExp(`: process ${process.pid} of ${hostname()} \\(\\w+\\) writes it; `),
  );
  file.close();
  const gone = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: gone, host: hostname() }));
  writableFile(path).close();
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, host: 'elsewhere' }));
  expect(() => writableFile(path)).toThrow('process 1 of elsewhere writes it');
  rmSync(`${path}.lock`);
  expect(readdirSync(folder).filter((name) => name.includes('.lock'))).toEqual([]);
});

it('a file of 1 TiB with little in it is told by its holes, which are not read', async () => {
  const path = join(folder, 'huge');
  const fd = openSync(path, 'w');
  const at = 900 * 2 ** 30;
  writeSync(fd, 'here', at);
  ftruncateSync(fd, 2 ** 40);
  closeSync(fd);
  let [holes, data, text] = [0, 0, ''];
  for await (const entry of hostTree(Buffer.from(path), bytes('huge'))) {
    if (entry.type !== 'file') throw new Error('no file');
    for await (const piece of entry.content()) {
      if (typeof piece === 'number') holes += piece;
      else {
        if (data === 0) text = `${holes} ${Buffer.from(piece.subarray(0, 4))}`;
        data += piece.length;
      }
    }
  }
  expect(text).toBe(`${at} here`);
  expect(holes + data).toBe(2 ** 40);
  expect(data).toBeLessThan(2 ** 20);
});
