/** ADC, the compression of the oldest disk images of Mac OS: literals, and two forms of looking back. */

export function unadc(packed: Uint8Array, maxBytes: number): Uint8Array {
  const out = new Uint8Array(maxBytes);
  let to = 0;
  let from = 0;
  while (from < packed.length) {
    const code = packed[from] ?? 0;
    const headBytes = code & 0x80 ? 1 : code & 0x40 ? 3 : 2;
    if (from + headBytes > packed.length) throw new Error('it ends too early');
    if (code & 0x80) {
      const literals = packed.subarray(from + 1, from + 1 + (code & 0x7f) + 1);
      if (literals.length < (code & 0x7f) + 1) throw new Error('it ends too early');
      if (to + literals.length > maxBytes) throw new Error(`it unpacks to more than ${maxBytes} bytes`);
      out.set(literals, to);
      to += literals.length;
      from += 1 + literals.length;
      continue;
    }
    const [second, third] = [packed[from + 1] ?? 0, packed[from + 2] ?? 0];
    const length = code & 0x40 ? (code & 0x3f) + 4 : ((code & 0x3f) >> 2) + 3;
    const distance = (code & 0x40 ? second * 256 + third : (code & 3) * 256 + second) + 1;
    if (distance > to) throw new Error('it looks back to before its beginning');
    if (to + length > maxBytes) throw new Error(`it unpacks to more than ${maxBytes} bytes`);
    for (const end = to + length; to < end; to += 1) out[to] = out[to - distance] ?? 0;
    from += headBytes;
  }
  return out.subarray(0, to);
}
