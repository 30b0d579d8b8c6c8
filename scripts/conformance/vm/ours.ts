/** An image as our kernel lists it, in the form of lister.c. */

import { readFileSync } from 'node:fs';
import { imageMounter } from '../../../src/image/mounting/mounter.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../../src/node/host.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { fs2tar } from '../../../src/tree/fs2tar/fs2tar.ts';
import { dist } from '../../pins.ts';
import { type Listed, listingOfTar } from './listing.ts';

/** As this kernel mounts them by itself; Debian's has other defaults for names. */
export const OPTIONS: Readonly<Record<string, string>> = {
  vfat: 'utf8',
  iso9660: 'iocharset=utf8',
  ext2: 'errors=remount-ro',
  ext3: 'errors=remount-ro',
  ext4: 'errors=remount-ro',
  nilfs2: 'errors=remount-ro',
};

const module = new WebAssembly.Module(readFileSync(dist.snapshot));
const snapshot = JSON.parse(readFileSync(dist.snapshotJson, 'utf8'));
const host = { ...nodeHost, entropy: (into: Uint8Array) => void into.fill(0x5a), realtimeNs: () => 0 };
const kernels = [20, 64].map(
  (memoryMib) => async () => restore(freshMachine(module, snapshot), snapshot, { host, memoryMib }),
) as unknown as Parameters<typeof imageMounter>[0];
const mounter = imageMounter(kernels);

const MAX_TAR_BYTES = 128 << 20;

/** In words where it is refused, or ends by an error. */
export async function ours(device: BlockDevice, type?: string): Promise<Listed | string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const image = await mounter.mount(device, { type });
    try {
      const sink = (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > MAX_TAR_BYTES) throw new Error('endless');
        chunks.push(chunk.slice());
      };
      const { log, missing } = image;
      await fs2tar(image.task, image.mountPoint, sink, { log, missing, onError: 'stop' });
    } finally {
      await image.close();
    }
    return { ...listingOfTar(Buffer.concat(chunks)), errors: [], refused: false };
  } catch (cause) {
    return cause instanceof Error ? `${cause.name} ${cause.message}`.slice(0, 200) : String(cause);
  }
}
