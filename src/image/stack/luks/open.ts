/** Opens a LUKS volume: dm-crypt reads its keyslots, and then the volume itself, as cryptsetup(8) has it do. */

import { toHex } from '../../../bytes/hex.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import type { Target } from '../../../kernel/syscalls/device-mapper.ts';
import { fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';
import { MetadataError } from '../bad-stack.ts';
import { type KernelDevice, numberOf } from '../kernel-device.ts';
import type { Keyslot, LuksHeader, Segment } from './header.ts';
import { luks1Header } from './luks1.ts';
import { luks2Header } from './luks2.ts';
import type { AreaReader, VolumeKeys } from './unlock.ts';

const SECTOR = 512;

/** Makes devices, and takes them away again. */
export interface Mappings {
  make(table: readonly Target[]): Promise<KernelDevice>;
  /** All of a device's first `bytes` bytes, of a device that is there for that alone. Rejects with EIO where some of them cannot be read. */
  readOnce(table: readonly Target[], bytes: number): Promise<Uint8Array>;
}

/** Which of both versions tells the header itself, the second copy of LUKS2 too. */
export async function luksHeader(bytes: VolumeBytes): Promise<LuksHeader> {
  const head = await fieldsAt(bytes, 0, 8, false);
  return head.ascii(0, 6) === 'LUKS\xba\xbe' && head.u16(6) === 1 ? luks1Header(bytes) : luks2Header(bytes);
}

/** A name of a cipher goes into a table, where a space would begin another parameter. */
function cipherName(name: string): string {
  if (/^[\w.,():+-]{3,63}$/.test(name)) return name;
  throw new MetadataError('its cipher has a name that cannot be');
}

/** A key of no bytes is written as a dash. */
const keyText = (cipher: string, key: Uint8Array): string => (cipher.startsWith('cipher_null') ? '-' : toHex(key));

/** Reads areas of a header that lies on `device`, of so many bytes. */
export const areaReader =
  (mappings: Mappings, device: KernelDevice): AreaReader =>
  async ({ offsetBytes, cipher }: Keyslot['area'], key, bytes) => {
    const sectors = Math.ceil(bytes / SECTOR);
    const first = offsetBytes / SECTOR;
    if (!Number.isInteger(first) || first + sectors > device.sectors)
      throw new MetadataError('its area is not inside of the header');
    const params = `${cipherName(cipher)} ${keyText(cipher, key)} 0 ${numberOf(device)} ${first}`;
    try {
      return await mappings.readOnce([{ start: 0, sectors, type: 'crypt', params }], bytes);
    } catch (cause) {
      if (!(cause instanceof KernelError && cause.errno === 'EIO')) throw cause;
      throw new MetadataError('its area cannot be read: the image is damaged, or was cut short', { cause });
    }
  };

/** The volume as a device, all of its segments one after another. */
export async function openSegments(
  header: LuksHeader,
  keys: VolumeKeys,
  device: KernelDevice,
  bytes: VolumeBytes,
  mappings: Mappings,
): Promise<KernelDevice> {
  const table: Target[] = [];
  let start = 0;
  for (const segment of header.segments) {
    const first = segment.offsetBytes / SECTOR;
    const there = device.sectors - first;
    const sectors = segment.sizeBytes === undefined ? there : segment.sizeBytes / SECTOR;
    if (!Number.isInteger(first) || !Number.isInteger(sectors) || sectors <= 0 || sectors > there)
      throw new MetadataError('its data is said to lie where it cannot: the image may have been cut short');
    const target = await targetOf(segment, keys.get(segment.id), { device, bytes, first, sectors }, mappings);
    table.push({ start, ...target });
    start += target.sectors;
  }
  if (table.length === 0) throw new MetadataError('it has no data');
  return mappings.make(table);
}

interface Where {
  readonly device: KernelDevice;
  readonly bytes: VolumeBytes;
  readonly first: number;
  readonly sectors: number;
}

async function targetOf(
  { crypt }: Segment,
  key: Uint8Array | undefined,
  where: Where,
  mappings: Mappings,
): Promise<Omit<Target, 'start'>> {
  const { device, first } = where;
  if (crypt === undefined) return { sectors: where.sectors, type: 'linear', params: `${numberOf(device)} ${first}` };
  if (key === undefined) throw new MetadataError('one of its segments has a key of its own');
  const { cipher, sectorBytes, ivTweak, integrity } = crypt;
  const options = sectorBytes === SECTOR ? [] : [`sector_size:${sectorBytes}`];
  if (integrity !== undefined) {
    const below = await withTags(where, sectorBytes, mappings);
    const params = [
      authenticated(cipherName(cipher), integrity),
      toHex(key),
      ivTweak,
      numberOf(below.device),
      0,
      options.length + 1,
      `integrity:${below.tagBytes}:aead`,
      ...options,
    ];
    return { sectors: below.device.sectors, type: 'crypt', params: params.join(' ') };
  }
  // What is less than a sector at the end is nobody's.
  const sectors = where.sectors - (where.sectors % (sectorBytes / SECTOR));
  const optional = options.length > 0 ? [options.length, ...options] : [];
  const params = [cipherName(cipher), keyText(cipher, key), ivTweak, numberOf(device), first, ...optional].join(' ');
  return { sectors, type: 'crypt', params };
}

/** The kernel's name of an authenticated cipher: aes-xts-random with hmac(sha256) is authenc(hmac(sha256),xts(aes)). */
function authenticated(cipher: string, integrity: string): string {
  const [, name, mode, iv] = /^([^-]+)-([^-]+)-(.+)$/.exec(cipher) ?? [];
  if (name === undefined) throw new MetadataError('its cipher has a name that cannot be');
  const bare = `${mode}(${name})`;
  switch (integrity) {
    case 'aead':
      return `capi:${mode === 'random' ? name : bare}-${iv}`;
    case 'poly1305':
      return `capi:rfc7539(${name},poly1305)-${iv ?? mode}`;
    case 'none':
      return `capi:${bare}-${iv}`;
    default:
      return `capi:authenc(${cipherName(integrity)},${bare})-${iv}`;
  }
}

/** drivers/md/dm-integrity.c: struct superblock. */
const INTEGRITY_MAGIC = 'integrt\0';

/** The sectors of a segment with what is stored beside each, by dm-integrity; its journal is replayed. */
async function withTags({ device, bytes, first, sectors }: Where, sectorBytes: number, mappings: Mappings) {
  const sb = await fieldsAt(bytes, first * SECTOR, 64);
  const [tagBytes, provided] = [sb.u16(10), sb.u64(16)];
  if (sb.ascii(0, 8) !== INTEGRITY_MAGIC || tagBytes === 0 || provided === 0 || provided > sectors)
    throw new MetadataError('its superblock of dm-integrity is damaged');
  const params = `${numberOf(device)} ${first} ${tagBytes} J 1 block_size:${sectorBytes}`;
  const made = await mappings.make([{ start: 0, sectors: provided, type: 'integrity', params }]);
  return { device: made, tagBytes };
}
