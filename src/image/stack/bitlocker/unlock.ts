/** Finds the key of a BitLocker volume: what protects its master key opens that, and that the key of the volume. */

import { sha256 } from '@noble/hashes/sha2.js';
import { Fields } from '../../probe/fields.ts';
import type { Derivation } from '../derive.ts';
import { openCcm } from './ccm.ts';
import { type BdeEntry, type BitLocker, entriesIn, guidText, TYPE, VALUE } from './metadata.ts';

const PROTECTION = { clear: 0, startupKey: 0x0200, recovery: 0x0800, passphrase: 0x2000 } as const;

/** A master key's entry: its GUID, a time, what protects it, then values. */
const PROTECTION_AT = 26;
const VALUES_AT = 28;
/** A key's value: the method, then the key. A decrypted one is an entry with such a value. */
const METHOD_BYTES = 4;
const ENTRY_BYTES = 8;
const NONCE_BYTES = 12;
const SALT_BYTES = 16;

/** What a secret is for one way of protection: what is stretched to the key, or the key. Undefined: it is none for that. */
type Reading =
  | { readonly stretch: Uint8Array; readonly key?: undefined }
  | { readonly key: Uint8Array; readonly stretch?: undefined };

const readings: Readonly<Record<number, (secret: Uint8Array, id: string) => Reading | undefined>> = {
  [PROTECTION.passphrase]: (secret) => ({ stretch: sha256(sha256(utf16(secret))) }),
  [PROTECTION.recovery]: (secret) => {
    const digits = recoveryKey(secret);
    return digits && { stretch: sha256(digits) };
  },
  [PROTECTION.startupKey]: (secret, id) => {
    const key = startupKey(secret, id);
    return key && { key };
  },
};

/** The volume's key, where nobody has to know anything for it. */
export async function clearKey(volume: BitLocker): Promise<Uint8Array | undefined> {
  return volumeKey(volume, async ({ protection, values }) => {
    const key = protection === PROTECTION.clear ? values.find(({ value }) => value === VALUE.key) : undefined;
    return key?.data.slice(METHOD_BYTES, 32);
  });
}

/**
 * The same by a passphrase, a recovery password or the bytes of a startup key's file; undefined: it is none of these. What has the
 * form of a recovery password is tried as that first: each try takes seconds.
 */
export function keyBy(volume: BitLocker, secret: Uint8Array, derivation: Derivation): Promise<Uint8Array | undefined> {
  const keyOf = async ({ protection, values, id }: MasterKey): Promise<Uint8Array | undefined> => {
    const reading = readings[protection]?.(secret, id);
    if (reading?.stretch === undefined) return reading?.key;
    const salt = saltOf(values);
    return salt && derivation.stretched(reading.stretch, salt);
  };
  return volumeKey(volume, keyOf, recoveryKey(secret) && PROTECTION.recovery);
}

interface MasterKey {
  readonly id: string;
  readonly protection: number;
  readonly values: readonly BdeEntry[];
}

async function volumeKey(
  { entries }: BitLocker,
  keyOf: (master: MasterKey) => Promise<Uint8Array | undefined>,
  first?: number,
): Promise<Uint8Array | undefined> {
  const sealed = entries.find(({ type, value }) => type === TYPE.volumeKey && value === VALUE.encrypted);
  if (sealed === undefined) return undefined;
  const masters = entries.flatMap(({ type, value, data }): MasterKey[] => {
    if (type !== TYPE.masterKey || value !== VALUE.masterKey || data.bytes.length < VALUES_AT) return [];
    const values = entriesIn(new Fields(data.bytes.subarray(VALUES_AT)));
    return [{ id: guidText(data.slice(0, 16)), protection: data.u16(PROTECTION_AT), values }];
  });
  masters.sort((a, b) => Number(b.protection === first) - Number(a.protection === first));
  for (const master of masters) {
    const own = master.values.find((one) => one.value === VALUE.encrypted);
    const key = own && (await keyOf(master));
    if (own === undefined || key === undefined) continue;
    const opened = await unsealed(own, key);
    const found = opened && (await unsealed(sealed, opened.slice(0, 32)));
    if (found) return found;
  }
  return undefined;
}

/** A nonce, then a code and the data; what comes out is an entry with a key. */
async function unsealed({ data }: BdeEntry, key: Uint8Array): Promise<Uint8Array | undefined> {
  const nonce = data.slice(0, NONCE_BYTES);
  const open = await openCcm(key, nonce, data.bytes.subarray(NONCE_BYTES));
  return open?.subarray(ENTRY_BYTES + METHOD_BYTES);
}

function saltOf(values: readonly BdeEntry[]): Uint8Array | undefined {
  const salt = values.find(({ value }) => value === VALUE.stretched)?.data.slice(METHOD_BYTES, SALT_BYTES);
  return salt?.length === SALT_BYTES ? salt : undefined;
}

function utf16(secret: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(secret);
  const bytes = new Uint8Array(text.length * 2);
  const data = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 1) data.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
}

/** Eight groups of six digits, each eleven times 16 bits of the key. */
function recoveryKey(secret: Uint8Array): Uint8Array | undefined {
  if (secret.length !== 55) return undefined;
  const groups = new TextDecoder().decode(secret).split('-');
  const key = new DataView(new ArrayBuffer(16));
  if (groups.length !== 8) return undefined;
  for (const [i, group] of groups.entries()) {
    const number = /^\d{6}$/.test(group) ? Number(group) : Number.NaN;
    if (!Number.isInteger(number / 11) || number / 11 > 0xffff) return undefined;
    key.setUint16(2 * i, number / 11, true);
  }
  return new Uint8Array(key.buffer);
}

/** A file *.BEK: a header as of the metadata, then an entry with the key of this id. */
function startupKey(file: Uint8Array, id: string): Uint8Array | undefined {
  const fields = new Fields(file);
  if (file.length < 48 || fields.u32(0) !== file.length || fields.u32(8) !== 48) return undefined;
  for (const { value, data } of entriesIn(new Fields(file.subarray(48)))) {
    if (value !== VALUE.externalKey || data.bytes.length < 24 || guidText(data.slice(0, 16)) !== id) continue;
    const key = entriesIn(new Fields(data.bytes.subarray(24))).find((one) => one.value === VALUE.key);
    if (key) return key.data.slice(METHOD_BYTES, 32);
  }
  return undefined;
}
