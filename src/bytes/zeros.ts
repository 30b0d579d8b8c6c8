/** Whether bytes are nothing but zeros. */

/** Eight bytes a look: most blocks that are not zeros end it at the first. `block` is so many words, and begins at one. */
export function isZero(block: Uint8Array): boolean {
  const words = new BigUint64Array(block.buffer, block.byteOffset, block.length / 8);
  for (let at = 0; at < words.length; at++) if (words[at] !== 0n) return false;
  return true;
}
