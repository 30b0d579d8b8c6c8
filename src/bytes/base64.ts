/** Base64 (RFC 4648, section 4) and its form for URLs (section 5). */

import { fromLatin1 } from './latin1.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const ALPHABET = Uint8Array.from(LETTERS, (letter) => letter.charCodeAt(0));
const EQUALS = 61;

/** Letter by letter: a string that is made of pieces, and one call with a thousand arguments for each, take ten times as long. */
export function toBase64(bytes: Uint8Array): string {
  const out = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(EQUALS);
  const last = bytes.length - 1;
  for (let at = 0, to = 0; at <= last; at += 3, to += 4) {
    // Beyond the end there are zeros, which the operators make of what is not there.
    const three = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    out[to] = ALPHABET[three >> 18] as number;
    out[to + 1] = ALPHABET[(three >> 12) & 63] as number;
    if (at < last) out[to + 2] = ALPHABET[(three >> 6) & 63] as number;
    if (at + 1 < last) out[to + 3] = ALPHABET[three & 63] as number;
  }
  return new TextDecoder().decode(out);
}

/** Undefined: it is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return fromLatin1(atob(text));
  } catch {
    return undefined;
  }
}

/** What each byte of it stands for; 64: a blank; 255: it is none. */
const values = new Uint8Array(256).fill(255);
for (const [value, letter] of ALPHABET.entries()) values[letter] = value;
for (const blank of [9, 10, 12, 13, 32]) values[blank] = 64;

/** Of lines as bytes, tens of MB of them: no text is made, and blanks are passed over. Undefined: they are no base64. */
export function fromBase64Lines(text: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let letters = 0;
  for (const letter of text) {
    if (letter === EQUALS) break;
    const value = values[letter] ?? 255;
    if (value === 64) continue;
    if (value === 255) return undefined;
    bits = ((bits << 6) | value) & 0xffffff;
    letters += 1;
    if (letters % 4 !== 0) continue;
    out[length++] = bits >> 16;
    out[length++] = bits >> 8;
    out[length++] = bits;
  }
  const rest = letters % 4;
  if (rest === 1) return undefined;
  if (rest > 1) out[length++] = rest === 2 ? bits >> 4 : bits >> 10;
  if (rest > 2) out[length++] = bits >> 2;
  return out.subarray(0, length);
}

/** Without padding. */
export const toBase64Url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

export const fromBase64Url = (text: string): Uint8Array<ArrayBuffer> | undefined =>
  fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'));
