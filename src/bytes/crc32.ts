/** CRC-32 as zip, gzip and PNG have it (ISO 3309, reflected). */

/** Of a byte, with so many zeros behind it: four bytes are taken at a time. */
const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
const [first, second, third, fourth] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  first[byte] = value;
}
for (const [index, table] of tables.entries()) {
  const before = tables[index - 1];
  if (before) for (const [byte, value] of before.entries()) table[byte] = (value >>> 8) ^ (first[value & 0xff] ?? 0);
}

/** Of `bytes`; or of what had `before`, with `bytes` behind it. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  const fours = bytes.length - (bytes.length % 4);
  let at = 0;
  for (; at < fours; at += 4) {
    value ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    value =
      (fourth[value & 0xff] as number) ^
      (third[(value >>> 8) & 0xff] as number) ^
      (second[(value >>> 16) & 0xff] as number) ^
      (first[value >>> 24] as number);
  }
  for (; at < bytes.length; at += 1) value = (first[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}
