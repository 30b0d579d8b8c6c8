/** Reads the header of LUKS1 (LUKS On-Disk Format Specification 1.2.3, section 2.3). */

import { fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';
import { MetadataError } from '../bad-stack.ts';
import { type Keyslot, type LuksHeader, MAX_KEY_BYTES, MAX_STRIPES } from './header.ts';

const HEADER_BYTES = 592;
const SLOTS_AT = 208;
const SLOT_BYTES = 48;
const SLOTS = 8;
const ACTIVE = 0x00ac71f3;
const DIGEST_BYTES = 20;
const SALT_BYTES = 32;
const SECTOR = 512;

export async function luks1Header(bytes: VolumeBytes): Promise<LuksHeader> {
  const header = await fieldsAt(bytes, 0, HEADER_BYTES, false);
  const text = (at: number, length: number) => header.ascii(at, length).replace(/\0.*$/s, '');
  const cipher = `${text(8, 32)}-${text(40, 32)}`;
  const hash = text(72, 32);
  const keyBytes = header.u32(108);
  if (keyBytes < 1 || keyBytes > MAX_KEY_BYTES) throw new MetadataError(`a key of ${keyBytes} bytes`);
  const keyslots: Keyslot[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const at = SLOTS_AT + SLOT_BYTES * slot;
    if (header.u32(at) !== ACTIVE) continue;
    const stripes = header.u32(at + 44);
    if (stripes < 1 || stripes > MAX_STRIPES) throw new MetadataError(`keyslot ${slot} has ${stripes} stripes`);
    keyslots.push({
      id: `${slot}`,
      keyBytes,
      kdf: {
        type: 'pbkdf2',
        hash,
        iterations: header.u32(at + 4),
        salt: header.slice(at + 8, SALT_BYTES),
      },
      area: { offsetBytes: header.u32(at + 40) * SECTOR, sizeBytes: keyBytes * stripes, cipher, keyBytes },
      stripes,
      splitHash: hash,
    });
  }
  return {
    version: 1,
    uuid: text(168, 40),
    keyslots,
    digests: [
      {
        kdf: { type: 'pbkdf2', hash, iterations: header.u32(164), salt: header.slice(132, SALT_BYTES) },
        value: header.slice(112, DIGEST_BYTES),
        keyslots: keyslots.map(({ id }) => id),
        segments: ['0'],
      },
    ],
    segments: [
      {
        id: '0',
        offsetBytes: header.u32(104) * SECTOR,
        sizeBytes: undefined,
        crypt: { cipher, sectorBytes: SECTOR, ivTweak: 0, integrity: undefined },
      },
    ],
  };
}
