/** MD5 (RFC 1321) of a few bytes: UUIDs made from names have it. */

const SHIFTS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];
const CONSTANTS = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) >>> 0);

/** At most 55 bytes, which are one block with what is put behind them. */
export function md5(message: Uint8Array): Uint8Array {
  if (message.length > 55) throw new RangeError(`${message.length} bytes are more than one block`);
  const block = new Uint8Array(64);
  block.set(message);
  block[message.length] = 0x80;
  const words = new DataView(block.buffer);
  words.setUint32(56, message.length * 8, true);
  const initial = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476] as const;
  let [a, b, c, d]: number[] = [...initial] as [number, number, number, number];
  for (let step = 0; step < 64; step += 1) {
    const round = step >> 4;
    const [mixed, word] = mix(round, step, b ?? 0, c ?? 0, d ?? 0);
    const sum: number = ((a ?? 0) + mixed + (CONSTANTS[step] ?? 0) + words.getUint32(word * 4, true)) | 0;
    const shift = SHIFTS[round]?.[step % 4] ?? 0;
    [a, d, c, b] = [d, c, b, ((b ?? 0) + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
  }
  const digest = new DataView(new ArrayBuffer(16));
  for (const [i, word] of [a, b, c, d].entries())
    digest.setUint32(4 * i, ((word ?? 0) + (initial[i] ?? 0)) >>> 0, true);
  return new Uint8Array(digest.buffer);
}

/** The function of a round, and which word of the block it takes. */
function mix(round: number, step: number, b: number, c: number, d: number): readonly [number, number] {
  if (round === 0) return [(b & c) | (~b & d), step];
  if (round === 1) return [(d & b) | (~d & c), (5 * step + 1) % 16];
  if (round === 2) return [b ^ c ^ d, (3 * step + 5) % 16];
  return [c ^ (b | ~d), (7 * step) % 16];
}
