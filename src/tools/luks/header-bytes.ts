/** The two copies of a LUKS2 header, as bytes (LUKS2 On-Disk Format Specification 1.1). */

import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64 } from '../../bytes/base64.ts';
import type { Digest, Kdf, Keyslot, LuksHeader, Segment } from '../../image/stack/luks/header.ts';

/** Of one copy: the binary part, and JSON. */
const COPY_BYTES = 16 * 1024;
const BINARY_BYTES = 4096;
const CHECKSUM_AT = 448;
/** Where keyslots may begin: behind both copies. */
export const KEYSLOTS_AT = 2 * COPY_BYTES;

export interface HeaderRequest {
  readonly header: Pick<LuksHeader, 'uuid' | 'keyslots' | 'digests' | 'segments'>;
  /** At most 47 bytes of UTF-8. */
  readonly label: string | undefined;
  /** Where the data begins: what lies before it is for keyslots. */
  readonly dataBytes: number;
  /** 64 bytes for each copy, so that no two have the same checksum. */
  readonly salts: readonly [Uint8Array, Uint8Array];
}

/** What the volume begins with. */
export function headerBytes({ header, label, dataBytes, salts }: HeaderRequest): Uint8Array {
  const json = new TextEncoder().encode(
    JSON.stringify({
      keyslots: Object.fromEntries(header.keyslots.map((slot) => [slot.id, keyslotJson(slot)])),
      tokens: {},
      segments: Object.fromEntries(header.segments.map((segment) => [segment.id, segmentJson(segment)])),
      digests: Object.fromEntries(header.digests.map((digest, i) => [i, digestJson(digest)])),
      config: { json_size: `${COPY_BYTES - BINARY_BYTES}`, keyslots_size: `${dataBytes - KEYSLOTS_AT}` },
    }),
  );
  if (json.length >= COPY_BYTES - BINARY_BYTES) throw new RangeError('the JSON of a LUKS2 header is too long');
  const both = new Uint8Array(KEYSLOTS_AT);
  for (const [i, magic] of (['LUKS\xba\xbe', 'SKUL\xba\xbe'] as const).entries()) {
    const copy = both.subarray(i * COPY_BYTES, (i + 1) * COPY_BYTES);
    const view = new DataView(copy.buffer, copy.byteOffset);
    copy.set(Uint8Array.from(magic, (char) => char.charCodeAt(0)));
    view.setUint16(6, 2); // version
    view.setBigUint64(8, BigInt(COPY_BYTES));
    view.setBigUint64(16, 1n); // sequence number
    copy.set(new TextEncoder().encode(label ?? ''), 24);
    copy.set(new TextEncoder().encode('sha256'), 72);
    copy.set(salts[i] ?? new Uint8Array(0), 104);
    copy.set(new TextEncoder().encode(header.uuid), 168);
    view.setBigUint64(256, BigInt(i * COPY_BYTES)); // where this copy lies
    copy.set(json, BINARY_BYTES);
    // With zeros in its own place.
    copy.set(sha256(copy), CHECKSUM_AT);
  }
  return both;
}

function kdfJson(kdf: Kdf) {
  const salt = toBase64(kdf.salt);
  if (kdf.type === 'pbkdf2') return { type: kdf.type, salt, hash: kdf.hash, iterations: kdf.iterations };
  return { type: kdf.type, salt, time: kdf.passes, memory: kdf.memoryKib, cpus: kdf.lanes };
}

const keyslotJson = ({ keyBytes, kdf, area, stripes, splitHash }: Keyslot) => ({
  type: 'luks2',
  key_size: keyBytes,
  af: { type: 'luks1', stripes, hash: splitHash },
  area: {
    type: 'raw',
    offset: `${area.offsetBytes}`,
    size: `${area.sizeBytes}`,
    encryption: area.cipher,
    key_size: area.keyBytes,
  },
  kdf: kdfJson(kdf),
});

const segmentJson = ({ offsetBytes, sizeBytes, crypt }: Segment) => ({
  type: crypt ? 'crypt' : 'linear',
  offset: `${offsetBytes}`,
  size: sizeBytes === undefined ? 'dynamic' : `${sizeBytes}`,
  ...(crypt && { iv_tweak: `${crypt.ivTweak}`, encryption: crypt.cipher, sector_size: crypt.sectorBytes }),
});

const digestJson = ({ kdf, value, keyslots, segments }: Digest) => ({
  keyslots,
  segments,
  digest: toBase64(value),
  ...kdfJson(kdf),
});
