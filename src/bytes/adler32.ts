/** Adler-32 as zlib has it (RFC 1950, 8.2). */

export function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    // So many sums stay below 2^32.
    for (const end = Math.min(bytes.length, at + 5552); at < end; at += 1) {
      a += bytes[at] ?? 0;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return b * 65_536 + a;
}
