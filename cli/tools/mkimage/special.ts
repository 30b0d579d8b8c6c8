/** What a partition can have that is no file system: swap, and the hashes of dm-verity. */

import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { HostError } from '../../../src/errors/host-error.ts';
import type { Linux } from '../../../src/linux.ts';
import { type WritableFile, writableFile } from '../../../src/node/writable-file.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { inWorkshopOf, type WorldOptions } from '../shop.ts';

export async function makeSwap(
  engine: Linux,
  world: WorldOptions,
  path: string,
  bytes: number,
  { label, uuid }: { readonly label: string | undefined; readonly uuid: string },
): Promise<void> {
  await withNewFile(path, bytes, (file) =>
    inWorkshopOf(engine, world, async (shop) => {
      const disk = await shop.attach(rawDevice(file));
      // A label has 15 bytes.
      const words = label === undefined ? [] : ['-L', Buffer.from(label).subarray(0, 15).toString()];
      await shop.must(['mkswap', '-U', uuid, ...words, disk]);
      await shop.commit();
    }),
  );
}

const HASH_BLOCK = 4096;
/** SHA-256 has 32 bytes: so many in a block. */
const HASHES = HASH_BLOCK / 32;

/** Of a hash device with its superblock, for data of so many bytes in blocks of 4 KiB. */
export function verityBytes(dataBytes: number): number {
  let blocks = 0;
  let level = Math.ceil(dataBytes / HASH_BLOCK);
  do {
    level = Math.ceil(level / HASHES);
    blocks += level;
  } while (level > 1);
  return (blocks + 1) * HASH_BLOCK;
}

/** By veritysetup(8), in blocks of 4 KiB with SHA-256. */
export async function makeVerity(
  engine: Linux,
  world: WorldOptions,
  data: string,
  path: string,
  { uuid, salt }: { readonly uuid: string; readonly salt: string | undefined },
): Promise<{ readonly rootHash: Uint8Array }> {
  const source = writableFile(data);
  try {
    if (source.sizeBytes % HASH_BLOCK !== 0)
      throw new HostError('invalid-request', 'the data of dm-verity is no multiple of 4096 bytes');
    return await withNewFile(path, verityBytes(source.sizeBytes), (file) =>
      inWorkshopOf(engine, world, async (shop) => {
        const [dataDisk, hashDisk] = [await shop.attach(rawDevice(source)), await shop.attach(rawDevice(file))];
        let said = '';
        const words = ['--uuid', uuid, ...(salt === undefined ? [] : ['--salt', salt])];
        await shop.must(['veritysetup', 'format', ...words, dataDisk, hashDisk], {
          stdout(bytes) {
            said += new TextDecoder().decode(bytes);
          },
        });
        await shop.commit();
        const [, hex = ''] = /^Root hash:\s*([0-9a-f]{64})$/m.exec(said) ?? [];
        if (hex === '') throw new HostError('tool-failed', `veritysetup says no root hash: ${said}`);
        return { rootHash: Buffer.from(hex, 'hex') };
      }),
    );
  } finally {
    source.close();
  }
}

async function withNewFile<T>(path: string, bytes: number, work: (file: WritableFile) => Promise<T>): Promise<T> {
  const fd = openSync(path, 'wx');
  ftruncateSync(fd, bytes);
  closeSync(fd);
  const file = writableFile(path);
  try {
    return await work(file);
  } finally {
    file.close();
  }
}
