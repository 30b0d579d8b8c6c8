/** Encrypts what is made: the disk is a new LUKS2 volume, which a kernel of its own writes. */

import type { Linux } from '../../src/linux.ts';
import { nodeDerive } from '../../src/node/derive.ts';
import { nodeHost } from '../../src/node/host.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { derivedUuid, seedBytes } from '../../src/tools/disk/uuids.ts';
import {
  type EncryptedDisk,
  encryptedDisk,
  LUKS_HEADER_BYTES,
  type LuksRequest,
  whileOpen,
} from '../../src/tools/luks/encrypted-disk.ts';
import { secretOf } from '../input/unlock.ts';
import type { LuksOptions } from '../options.ts';
import { LUKS_KERNEL_MIB } from './shop.ts';

/** What a new volume is encrypted with. */
export type Encryption = Pick<LuksRequest, 'secret' | 'pbkdf'>;

/**
 * Whoever says anything of it means it; without a key that is refused. Undefined: nothing was said. The key is read here and not where
 * something is made: what is made to fit is made several times, and a pipe has its key once.
 */
export async function encryptionOf(options: LuksOptions): Promise<Encryption | undefined> {
  const { luksKeyFile: keyFile, luksPassphraseFile: passphraseFile, luksPbkdf: pbkdf } = options;
  if ((keyFile ?? passphraseFile ?? pbkdf) === undefined) return undefined;
  return { secret: await secretOf({ keyFile, passphraseFile }), pbkdf };
}

/** What an image has before what is made in it. */
export const bytesBefore = (encryption: Encryption | undefined): number => (encryption ? LUKS_HEADER_BYTES : 0);

/** Runs `work` on the disk, or on the encrypted volume that it becomes. */
export async function onDisk<T>(
  engine: Linux,
  disk: BlockDevice,
  { encryption, seed }: { readonly encryption: Encryption | undefined; readonly seed: string | undefined },
  work: (disk: BlockDevice) => Promise<T>,
): Promise<T> {
  if (!encryption) return work(disk);
  const uuid = derivedUuid(seedBytes(seed, nodeHost), 'luks-uuid');
  return whileOpen(await newEncryptedDisk(engine, disk, { ...encryption, uuid }), work);
}

/** Its kernel, and the key in it, is there until `kill`. */
export async function newEncryptedDisk(engine: Linux, disk: BlockDevice, request: LuksRequest): Promise<EncryptedDisk> {
  const kernel = await engine.kernels.acquire({ host: nodeHost, memoryMib: LUKS_KERNEL_MIB, clock: 'virtual' });
  return encryptedDisk(kernel, disk, request, { entropy: nodeHost.entropy, derive: nodeDerive });
}
