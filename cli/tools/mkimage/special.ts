/** What a partition can have that is no file system: swap, and the hashes of dm-verity. */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs';
import { HostError } from '../../../src/errors/host-error.ts';
import type { Linux } from '../../../src/linux.ts';
import { type WritableFile, writableFile } from '../../../src/node/files/writable-file.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { VERITY_BLOCK, verityTree } from '../../../src/tools/disk/verity-tree.ts';
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

/** In blocks of 4 KiB with SHA-256. */
export function makeVerity(
  data: string,
  path: string,
  { uuid, salt }: { readonly uuid: Uint8Array; readonly salt: Uint8Array },
): { readonly rootHash: Uint8Array } {
  const fd = openSync(data, 'r');
  const block = new Uint8Array(VERITY_BLOCK);
  try {
    const { size } = fstatSync(fd);
    if (size % VERITY_BLOCK !== 0)
      throw new HostError('invalid-request', 'the data of dm-verity is no multiple of 4096 bytes');
    const { device, rootHash } = verityTree({
      uuid,
      salt,
      dataBlocks: size / VERITY_BLOCK,
      data(n) {
        if (readSync(fd, block, 0, VERITY_BLOCK, n * VERITY_BLOCK) < VERITY_BLOCK)
          throw new Error(`${data} became shorter`);
        return block;
      },
      sha256(...pieces) {
        const hash = createHash('sha256');
        for (const piece of pieces) hash.update(piece);
        return hash.digest();
      },
    });
    writeFileSync(path, device, { flag: 'wx' });
    return { rootHash };
  } finally {
    closeSync(fd);
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
