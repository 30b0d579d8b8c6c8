/** Reads the header of LUKS2: two copies of a binary part and JSON, each with a checksum (LUKS2 On-Disk Format Specification 1.1). */

import { fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';
import { MetadataError } from '../bad-stack.ts';
import { knownHash } from './hashes.ts';
import {
  type Digest,
  type Kdf,
  type Keyslot,
  type LuksHeader,
  MAX_KEY_BYTES,
  MAX_STRIPES,
  type Segment,
} from './header.ts';
import { Json } from './json.ts';

const BINARY_BYTES = 4096;
const CHECKSUM_AT = 448;
const CHECKSUM_BYTES = 64;
const MAX_HEADER_BYTES = 4 * 2 ** 20;
const MAX_SALT_BYTES = 512;
/** Where the second copy can be: the headers have these sizes. */
const SECOND_AT = [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000];
const FIRST = 'LUKS\xba\xbe';
const SECOND = 'SKUL\xba\xbe';

interface Copy {
  readonly sequence: number;
  readonly uuid: string;
  readonly json: string;
}

export async function luks2Header(bytes: VolumeBytes): Promise<LuksHeader> {
  const copies: Copy[] = [];
  for (const [at, magic] of [[0, FIRST] as const, ...SECOND_AT.map((at) => [at, SECOND] as const)]) {
    const copy = await copyAt(bytes, at, magic);
    if (copy) copies.push(copy);
    if (copies.length === 2) break;
  }
  copies.sort((a, b) => b.sequence - a.sequence);
  const [newest] = copies;
  if (newest === undefined) throw new MetadataError('both copies of its header are damaged');
  return headerOf(newest);
}

async function copyAt(bytes: VolumeBytes, at: number, magic: string): Promise<Copy | undefined> {
  const head = await fieldsAt(bytes, at, BINARY_BYTES, false);
  if (head.ascii(0, 6) !== magic || head.u16(6) !== 2 || head.u64(256) !== at) return undefined;
  const size = head.u64(8);
  if (size <= BINARY_BYTES || size > MAX_HEADER_BYTES || at + size > bytes.sizeBytes) return undefined;
  const all = (await bytes.read(at, size)).slice();
  const hash = knownHash(head.ascii(72, 32).replace(/\0.*$/s, ''));
  if (hash === undefined) return undefined;
  const stored = all.slice(CHECKSUM_AT, CHECKSUM_AT + hash.outputLen);
  all.fill(0, CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
  if (hash(all).some((byte, i) => byte !== stored[i])) return undefined;
  return {
    sequence: head.u64(16),
    uuid: head.ascii(168, 40).replace(/\0.*$/s, ''),
    json: new TextDecoder().decode(all.subarray(BINARY_BYTES)).replace(/\0.*$/s, ''),
  };
}

function headerOf({ uuid, json }: Copy): LuksHeader {
  const all = Json.parse(json);
  const config = all.get('config');
  const requirements = config.get('requirements');
  const mandatory = requirements.isThere ? requirements.get('mandatory') : requirements;
  for (const name of mandatory.isThere ? mandatory.strings() : []) {
    // A re-encryption that was stopped as it should be has segments that tell all there is to know.
    if (!/^online-reencrypt/.test(name)) throw new MetadataError(`it needs what is not known here: ${name}`);
  }
  const keyslots = all
    .get('keyslots')
    .entries()
    .filter(([, slot]) => slot.get('type').string() === 'luks2')
    .map(([id, slot]) => ({ priority: priorityOf(slot), slot: keyslotOf(id, slot) }))
    .filter(({ priority }) => priority > 0)
    .sort((a, b) => b.priority - a.priority || Number(a.slot.id) - Number(b.slot.id))
    .map(({ slot }) => slot);
  const segments = all
    .get('segments')
    .entries()
    .filter(([, segment]) => !flagsOf(segment).some((flag) => flag.startsWith('backup-')))
    .map(([id, segment]) => segmentOf(id, segment))
    .sort((a, b) => Number(a.id) - Number(b.id));
  return {
    version: 2,
    uuid,
    keyslots,
    segments,
    digests: all
      .get('digests')
      .entries()
      .map(([, one]) => digestOf(one)),
  };
}

const PREFERRED = 2;
const NORMAL = 1;
const priorityOf = (slot: Json): number => {
  const priority = slot.get('priority');
  return priority.isThere ? priority.number(PREFERRED) : NORMAL;
};

const flagsOf = (segment: Json): readonly string[] => {
  const flags = segment.get('flags');
  return flags.isThere ? flags.strings() : [];
};

function kdfOf(kdf: Json): Kdf {
  const type = kdf.get('type').string();
  const salt = kdf.get('salt').base64(MAX_SALT_BYTES);
  const count = (name: string) => kdf.get(name).number(2 ** 32);
  if (type === 'pbkdf2') return { type, salt, hash: kdf.get('hash').string(), iterations: count('iterations') };
  if (type === 'argon2i' || type === 'argon2id')
    return { type, salt, passes: count('time'), memoryKib: count('memory'), lanes: count('cpus') };
  throw new MetadataError(`keys are derived in a way that is not known here: ${type}`);
}

function keyslotOf(id: string, slot: Json): Keyslot {
  const area = slot.get('area');
  const split = slot.get('af');
  const kind = area.get('type').string();
  if (kind !== 'raw' || split.get('type').string() !== 'luks1')
    throw new MetadataError(`keyslot ${id} is of a kind that is not known here`);
  return {
    id,
    keyBytes: slot.get('key_size').number(MAX_KEY_BYTES),
    kdf: kdfOf(slot.get('kdf')),
    area: {
      offsetBytes: area.get('offset').u64(),
      sizeBytes: area.get('size').u64(),
      cipher: area.get('encryption').string(),
      keyBytes: area.get('key_size').number(MAX_KEY_BYTES),
    },
    stripes: split.get('stripes').number(MAX_STRIPES),
    splitHash: split.get('hash').string(),
  };
}

function segmentOf(id: string, segment: Json): Segment {
  if (flagsOf(segment).includes('in-reencryption')) {
    throw new MetadataError('it was being re-encrypted when power failed: let cryptsetup repair it first');
  }
  const type = segment.get('type').string();
  const size = segment.get('size').string();
  const place = {
    id,
    offsetBytes: segment.get('offset').u64(),
    sizeBytes: size === 'dynamic' ? undefined : segment.get('size').u64(),
  };
  if (type === 'linear') return { ...place, crypt: undefined };
  if (type !== 'crypt') throw new MetadataError(`a segment is of a type that is not known here: ${type}`);
  const integrity = segment.get('integrity');
  const sectorBytes = segment.get('sector_size').number(4096);
  if (![512, 1024, 2048, 4096].includes(sectorBytes)) throw new MetadataError(`sectors of ${sectorBytes} bytes`);
  return {
    ...place,
    crypt: {
      cipher: segment.get('encryption').string(),
      sectorBytes,
      ivTweak: segment.get('iv_tweak').u64(),
      integrity: integrity.isThere ? integrity.get('type').string() : undefined,
    },
  };
}

function digestOf(digest: Json): Digest {
  const kdf = kdfOf(digest);
  if (kdf.type !== 'pbkdf2') throw new MetadataError('a digest is not by PBKDF2');
  return {
    kdf,
    value: digest.get('digest').base64(MAX_SALT_BYTES),
    keyslots: digest.get('keyslots').strings(),
    segments: digest.get('segments').strings(),
  };
}
