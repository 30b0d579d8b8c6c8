/** Bytes as strings of one character each: such strings sort as bytes do, are small, and are keys of maps. */

/** A call takes so many arguments. */
const PIECE_BYTES = 4096;

export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= PIECE_BYTES) return String.fromCharCode(...bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  }
  return text;
}

/** The bytes again; of other characters the low eight bits. */
export function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
