/** API tokens: what is given out once, and the row that is kept, which has only its hash. */

import { toBase64Url } from '../../bytes/base64.ts';
import { toHex } from '../../bytes/hex.ts';
import { isScope, type Principal, type Scope } from './principal.ts';

/** What is known of a token. */
export interface TokenRow {
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** SHA-256 of the token, in hex: it has 256 random bits, so that nothing slower is needed. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** Beginnings of image names; absent: all. */
  readonly images?: readonly string[];
  readonly createdMs: number;
  readonly expiresMs?: number;
}

/** `lkl_`, its id, `_`, its secret: a scanner for leaked secrets knows it by its beginning. */
const TOKEN = /^lkl_([a-z0-9]{10})_([A-Za-z0-9_-]{43})$/;

export const idOf = (token: string): string | undefined => TOKEN.exec(token)?.[1];

const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

export const newId = (random: (bytes: number) => Uint8Array): string =>
  Array.from(random(10), (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('');

export const newToken = (id: string, random: (bytes: number) => Uint8Array): string =>
  `lkl_${id}_${toBase64Url(random(32))}`;

/** A key to sign with. */
export const newKey = (random: (bytes: number) => Uint8Array): string => toBase64Url(random(32));

const PREFIX = /^([A-Za-z0-9._~-]{0,512})\*?$/;

/** What names begin with that a pattern stands for: `build-*` and `build-` are the same, `*` is all. Undefined: no name does. */
export const prefixOf = (pattern: string): string | undefined =>
  pattern === '' ? undefined : PREFIX.exec(pattern)?.[1];

export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return toHex(new Uint8Array(digest));
}

/** The principal that a row stands for: it is the token's id, so that a rotated one has the same sessions. */
export const principalOf = ({ id, scopes, images }: TokenRow): Principal => ({
  id: `token:${id}`,
  scopes,
  ...(images && { imagePrefixes: images }),
  ambient: false,
});

/** Of a binding: a JSON list of rows, times as ISO 8601. Throws what is wrong with it, for whoever deploys. */
export function rowsIn(text: string): TokenRow[] {
  const rows: unknown = JSON.parse(text);
  if (!Array.isArray(rows)) throw new Error('TOKENS is no JSON list');
  return rows.map((row: Record<string, unknown>, index) => {
    const { id, name = id, sha256, scopes, images, expires } = row;
    const wrong = (what: string) => new Error(`TOKENS[${index}].${what}`);
    if (typeof id !== 'string' || !/^[a-z0-9]{10}$/.test(id)) throw wrong('id is not of ten letters or digits');
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) throw wrong('sha256 is no SHA-256 in hex');
    if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string' && isScope(scope))) {
      throw wrong('scopes is no list of scopes');
    }
    const prefixes = images === undefined ? [] : Array.isArray(images) ? images.map(prefixIn) : [undefined];
    if (prefixes.includes(undefined)) throw wrong('images is no list of beginnings of names');
    const expiresMs = expires === undefined ? undefined : Date.parse(String(expires));
    if (Number.isNaN(expiresMs)) throw wrong('expires is no time');
    return {
      id,
      name: String(name),
      sha256,
      scopes: scopes as Scope[],
      ...(images !== undefined && { images: prefixes as string[] }),
      createdMs: 0,
      ...(expiresMs !== undefined && { expiresMs }),
    };
  });
}

/** Rows have had prefixes without a star, of which the empty one is all. */
const prefixIn = (prefix: unknown): string | undefined =>
  typeof prefix !== 'string' ? undefined : prefix === '' ? '' : prefixOf(prefix);
