/** Bytes in URLs: percent-encoded (RFC 3986, section 2.1). */

const encoder = new TextEncoder();

/** The bytes of a percent-encoded text. What is not an escape stands for itself. */
export function fromPercent(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [token] of text.matchAll(/%[0-9a-f]{2}|[^%]+|%/gi)) {
    if (/^%./.test(token)) bytes.push(Number.parseInt(token.slice(1), 16));
    else bytes.push(...encoder.encode(token));
  }
  return Uint8Array.from(bytes);
}

const UNRESERVED = /[A-Za-z0-9._~!$'()*,;:@/-]/;

/** Slashes stay; so does what needs no escape in a path. */
export const toPercent = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');

/** The same path, whose letters, digits, `-`, `_` and `~` stand for themselves: `%66iles` is `files` (RFC 3986, 6.2.2.2). */
export const withPlainLetters = (path: string): string =>
  path.replaceAll(/%([0-9A-Fa-f]{2})/g, (code, hex: string) => {
    const letter = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9_~-]/.test(letter) ? letter : code;
  });
