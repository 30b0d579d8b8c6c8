/** Bytes that are a name or a path, as text for people: none of them is lost, whatever they are. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A byte as \ooo. */
export const octal = (byte: number): string => `\\${byte.toString(8).padStart(3, '0')}`;

/** A character as \ooo, once for each byte of it. */
export const inOctal = (char: string): string => Array.from(encoder.encode(char), octal).join('');

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8 as it is, each other byte as \ooo in octal, as ls -b shows them. Control characters stay as they are. */
export function shownBytes(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const char = decoded(bytes.subarray(at, at + length));
    text += char ?? octal(first);
    at += char === undefined ? 1 : length;
  }
  return text;
}
