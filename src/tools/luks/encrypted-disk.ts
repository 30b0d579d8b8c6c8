/** A new LUKS2 volume as a disk: dm-crypt of a kernel of its own encrypts what is written to it. */

import { toHex } from '../../bytes/hex.ts';
import { HostError } from '../../errors/host-error.ts';
import { volumeBytes } from '../../image/probe/volume-bytes.ts';
import { Derivation, type DeriveMeans } from '../../image/stack/derive.ts';
import { kernelDevice, numberOf } from '../../image/stack/kernel-device.ts';
import type { Digest, Kdf, Keyslot, LuksHeader, Segment } from '../../image/stack/luks/header.ts';
import { openSegments } from '../../image/stack/luks/open.ts';
import { split } from '../../image/stack/luks/split.ts';
import type { Host } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { createMapping, removeMapping, type Target } from '../../kernel/syscalls/device-mapper.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';
import { DeviceFile } from './device-file.ts';
import { headerBytes, KEYSLOTS_AT } from './header-bytes.ts';

/** What stands before the data, as cryptsetup has it. */
export const LUKS_HEADER_BYTES = 16 * 2 ** 20;

/** AES-256 in XTS, which has two keys; the tables of dm-crypt count sectors of 512 bytes, so that whatever is made in it can be opened anywhere. */
const CIPHER = 'aes-xts-plain64';
const KEY_BYTES = 64;
const HASH = 'sha256';
const STRIPES = 4000;
/** Of a keyslot, in pages. */
const AREA_BYTES = Math.ceil((KEY_BYTES * STRIPES) / 4096) * 4096;
const SALT_BYTES = 32;
const DIGEST_BYTES = 32;
/** Most, with the NUL behind it: the binary header has 48 bytes. */
export const LUKS_LABEL_BYTES = 47;
/** Of the digest: the volume's key is random, so nobody can guess it, however fast. */
const DIGEST_ITERATIONS = 1000;

/** What a guess of the passphrase costs. `argon2id`: RFC 9106's second recommendation, 64 MiB, which small machines have too. */
export const keyDerivations = {
  argon2id: { type: 'argon2id', passes: 3, memoryKib: 64 * 1024, lanes: 4 },
  pbkdf2: { type: 'pbkdf2', hash: HASH, iterations: 1_000_000 },
} as const satisfies Record<string, WithoutSalt<Kdf>>;

export type KeyDerivation = keyof typeof keyDerivations;

type WithoutSalt<T> = T extends unknown ? Omit<T, 'salt'> : never;

export interface LuksRequest {
  /** A passphrase, or all of a key file. */
  readonly secret: Uint8Array;
  readonly uuid: string;
  readonly label?: string | undefined;
  readonly pbkdf?: KeyDerivation | undefined;
}

/** What making one needs of the host. Its randomness makes keys: a seed must not decide it. */
export interface LuksMeans extends Pick<Host, 'entropy'> {
  readonly derive: DeriveMeans;
}

export interface EncryptedDisk {
  readonly device: BlockDevice;
  /** All is on the disk below, and flushed. */
  close(): Promise<void>;
  /** Lets go of the kernel at once, and of the key in it. */
  kill(): void;
}

/** `work` on the device of `disk`, which is closed when that is done, and let go of however it ends. */
export async function whileOpen<T>(disk: EncryptedDisk, work: (device: BlockDevice) => Promise<T>): Promise<T> {
  try {
    const done = await work(disk.device);
    await disk.close();
    return done;
  } finally {
    disk.kill();
  }
}

/** Formats `below`, whatever is on it. `kernel` is the volume's from now on. Rejects with `invalid-request` for what cannot be. */
export async function encryptedDisk(
  kernel: Kernel,
  below: BlockDevice,
  request: LuksRequest,
  means: LuksMeans,
): Promise<EncryptedDisk> {
  try {
    mustBe(request, below);
    return await formatted(kernel, below, request, means);
  } catch (cause) {
    kernel.kill();
    throw cause;
  }
}

function mustBe({ secret, label = '' }: LuksRequest, below: BlockDevice): void {
  if (secret.length === 0) throw refused('a LUKS volume wants a passphrase or a key that is not empty');
  if (new TextEncoder().encode(label).length > LUKS_LABEL_BYTES)
    throw refused(`LUKS2 has a label of ${LUKS_LABEL_BYTES} bytes at most`);
  const [before, has] = [LUKS_HEADER_BYTES, bytesOf(below)].map((bytes) => bytes.toLocaleString('en'));
  if (bytesOf(below) <= LUKS_HEADER_BYTES) throw refused(`LUKS2 has ${before} bytes before its data, of ${has} here`);
}

async function formatted(
  kernel: Kernel,
  below: BlockDevice,
  { secret, uuid, label, pbkdf = 'argon2id' }: LuksRequest,
  { entropy, derive }: LuksMeans,
): Promise<EncryptedDisk> {
  const random = (bytes: number): Uint8Array => {
    const all = new Uint8Array(bytes);
    entropy(all);
    return all;
  };
  const derivation = new Derivation(derive);
  const key = random(KEY_BYTES);
  const slot = newKeyslot({ ...keyDerivations[pbkdf], salt: random(SALT_BYTES) });
  const digest = await digestOf(key, random(SALT_BYTES), derivation);
  const header: LuksHeader = { version: 2, uuid, keyslots: [slot], digests: [digest], segments: [segment] };

  const disk = await kernel.attachDisk(below);
  const device = await kernelDevice(kernel, kernel.init, disk.name);
  const map = async (name: string, table: readonly Target[]) =>
    kernelDevice(kernel, kernel.init, await createMapping(kernel.init, name, table));

  const material = random(KEY_BYTES * STRIPES);
  split(key, material, STRIPES, HASH);
  const slotKey = await derivation.key(secret, slot.kdf, slot.area.keyBytes);
  const params = `${CIPHER} ${toHex(slotKey)} 0 ${numberOf(device)} ${slot.area.offsetBytes / SECTOR}`;
  const table = [{ start: 0, sectors: AREA_BYTES / SECTOR, type: 'crypt', params }];
  const area = await DeviceFile.open(kernel, await map('area', table));
  await area.write(0, material);
  await area.close();
  await removeMapping(kernel.init, 'area');
  const salts = [random(64), random(64)] as const;
  await below.write?.(0, headerBytes({ header, label, dataBytes: LUKS_HEADER_BYTES, salts }));

  const keys = new Map([[segment.id, key]]);
  const data = await openSegments(header, keys, device, volumeBytes(below), {
    make: (rows) => map('data', rows),
    readOnce: () => Promise.reject(new Error('nothing is read of a new volume')),
  });
  const file = await DeviceFile.open(kernel, data);
  /** Of what went wrong below Linux says that it is an I/O error, and no more. */
  const told = <T>(work: Promise<T>): Promise<T> =>
    work.catch((cause: unknown) => {
      throw disk.lastError ?? cause;
    });
  const flush = () => told(file.flush().then(() => below.flush?.()));
  return {
    device: {
      sectors: data.sectors,
      read: (sector, into) => told(file.read(sector * SECTOR, into)),
      write: (sector, from) => told(file.write(sector * SECTOR, from)),
      flush,
    },
    async close() {
      await flush();
      await file.close();
      await removeMapping(kernel.init, 'data');
    },
    kill: () => kernel.kill(),
  };
}

const newKeyslot = (kdf: Kdf): Keyslot => ({
  id: '0',
  kdf,
  keyBytes: KEY_BYTES,
  area: { offsetBytes: KEYSLOTS_AT, sizeBytes: AREA_BYTES, cipher: CIPHER, keyBytes: KEY_BYTES },
  stripes: STRIPES,
  splitHash: HASH,
});

async function digestOf(key: Uint8Array, salt: Uint8Array, derivation: Derivation): Promise<Digest> {
  const kdf = { type: 'pbkdf2', hash: HASH, iterations: DIGEST_ITERATIONS, salt } as const;
  return { kdf, value: await derivation.key(key, kdf, DIGEST_BYTES), keyslots: ['0'], segments: [segment.id] };
}

const segment: Segment = {
  id: '0',
  offsetBytes: LUKS_HEADER_BYTES,
  sizeBytes: undefined,
  crypt: { cipher: CIPHER, sectorBytes: SECTOR, ivTweak: 0, integrity: undefined },
};

const refused = (why: string): HostError => new HostError('invalid-request', why);
