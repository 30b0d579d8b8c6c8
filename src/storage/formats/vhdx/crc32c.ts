/** CRC-32C (Castagnoli), as iSCSI has it: RFC 3720, B.4. */

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** Of `bytes`, of which the four at `zeroedAt` count as zeros. */
export function crc32c(bytes: Uint8Array, zeroedAt: number): number {
  let value = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = at >= zeroedAt && at < zeroedAt + 4 ? 0 : (bytes[at] ?? 0);
    value = (table[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  }
  return ~value >>> 0;
}
