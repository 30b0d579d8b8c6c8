/** Bytes of names and attributes as strings of one character each: such strings sort as bytes do, are small, and are keys of maps. */

export type Raw = string;

export const rawOf = (bytes: Uint8Array): Raw => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
};

/** The bytes again. */
export const bytesOfRaw = (raw: Raw): Uint8Array => Uint8Array.from(raw, (char) => char.charCodeAt(0));
