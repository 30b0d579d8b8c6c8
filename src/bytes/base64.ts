/** Base64 (RFC 4648, section 4) and its form for URLs (section 5). */

/** btoa() and String.fromCharCode() take this much at a time. */
const CHUNK_BYTES = 0x8000;

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  }
  return btoa(binary);
}

/** Undefined: it is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** What each byte of it stands for; 64: a blank; 255: it is none. */
const values = new Uint8Array(256).fill(255);
for (const [value, letter] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  values[letter.charCodeAt(0)] = value;
for (const blank of [9, 10, 12, 13, 32]) values[blank] = 64;
const EQUALS = 61;

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
