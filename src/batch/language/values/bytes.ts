/** Bytes as JSON shows them and takes them: UTF-8, base64 or hexadecimal. */

import { fromBase64, toBase64 } from '../../../bytes/base64.ts';
import { at, Mistake } from '../mistake.ts';
import type { Json, JsonObject } from '../types.ts';

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const LARGE_BYTES = 4096;
const SPACE = 0x20;

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** The text of `bytes`; undefined when they are not UTF-8. */
export function text(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

const DIGITS = utf8('0123456789abcdef');

export function hex(bytes: Uint8Array): string {
  const out = new Uint8Array(2 * bytes.length);
  for (const [at, byte] of bytes.entries()) {
    out[2 * at] = DIGITS[byte >> 4] ?? 0;
    out[2 * at + 1] = DIGITS[byte & 15] ?? 0;
  }
  return new TextDecoder().decode(out);
}

/** The pleasant form of a buffer: `utf8` only when it is, and no large one of control characters, six characters of JSON each. */
export function shown(bytes: Uint8Array): JsonObject {
  const known = bytes.length > LARGE_BYTES && isMostlyControl(bytes) ? undefined : text(bytes);
  return known === undefined ? { base64: toBase64(bytes) } : { utf8: known, base64: toBase64(bytes) };
}

function isMostlyControl(bytes: Uint8Array): boolean {
  let controls = 0;
  for (const byte of bytes) if (byte < SPACE) controls++;
  return controls > bytes.length / 2;
}

/** Input bytes, when `value` is one of their forms. A result of `shown()` is one: its base64 is exact, so it comes first. */
export function inputBytes(value: Json, path: string): Uint8Array | undefined {
  if (!isObject(value)) return undefined;
  if ('base64' in value) return parse(value.base64, at(path, 'base64'), fromBase64);
  if ('hex' in value) return parse(value.hex, at(path, 'hex'), fromHex);
  if ('utf8' in value) return parse(value.utf8, at(path, 'utf8'), utf8);
  return undefined;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(value: Json | undefined, path: string, decode: (text: string) => Uint8Array | undefined): Uint8Array {
  const bytes = typeof value === 'string' ? decode(value) : undefined;
  if (!bytes) throw new Mistake('wrong-type', path, 'no such text');
  return bytes;
}

export function fromHex(digits: string): Uint8Array | undefined {
  const plain = digits.replaceAll(/[\s:]/g, '');
  // Pairs are counted, not matched: a group that repeats millions of times takes the regular expression's stack.
  if (plain.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(plain)) return undefined;
  const bytes = new Uint8Array(plain.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = 16 * digitAt(plain, 2 * at) + digitAt(plain, 2 * at + 1);
  return bytes;
}

/** Of a letter of either case the low four bits are its place in the alphabet. */
function digitAt(digits: string, at: number): number {
  const code = digits.charCodeAt(at);
  return code > 0x39 ? (code & 15) + 9 : code & 15;
}
