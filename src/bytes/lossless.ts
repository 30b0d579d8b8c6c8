/** Bytes as text from which they come back: UTF-8 as it is; of what is none each byte from 0x80 on is half a surrogate, which no text has. */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const HALF = 0xdc00;

export function toLossless(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : HALF + byte)).join('');
  }
}

export const fromLossless = (text: string): Uint8Array =>
  /[\udc80-\udcff]/.test(text) && !text.isWellFormed()
    ? Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff)
    : encoder.encode(text);
