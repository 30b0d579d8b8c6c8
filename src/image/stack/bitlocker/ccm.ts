/** AES-CCM (RFC 3610) with a nonce of 12 bytes and a code of 16, of what WebCrypto has: AES-CTR, and AES-CBC for the code. */

const BLOCK = 16;
/** 3 bytes of the counter block count, of the first block tell the length. */
const LENGTH_BYTES = 3;
const COUNTER_FLAGS = LENGTH_BYTES - 1;
const CODE_FLAGS = 8 * ((BLOCK - 2) / 2) + LENGTH_BYTES - 1;

/** Undefined where the code is not that of the key. `sealed`: the code, then the data. */
export async function openCcm(
  keyBytes: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { subtle } = crypto;
  const raw = keyBytes.slice();
  const counter = new Uint8Array(BLOCK);
  counter[0] = COUNTER_FLAGS;
  counter.set(nonce, 1);
  // The code is encrypted by counter 0, which leaves the rest of what is encrypted at counter 1.
  const byCounter = await subtle.importKey('raw', raw, 'AES-CTR', false, ['decrypt']);
  const open = new Uint8Array(
    await subtle.decrypt({ name: 'AES-CTR', counter, length: 8 * LENGTH_BYTES }, byCounter, sealed.slice()),
  );
  const [code, data] = [open.subarray(0, BLOCK), open.subarray(BLOCK)];
  const summed = new Uint8Array(BLOCK + Math.ceil(data.length / BLOCK) * BLOCK);
  summed[0] = CODE_FLAGS;
  summed.set(nonce, 1);
  new DataView(summed.buffer).setUint16(14, data.length); // entries are shorter than 64 KiB
  summed.set(data, BLOCK);
  const byBlocks = await subtle.importKey('raw', raw, 'AES-CBC', false, ['encrypt']);
  const chained = new Uint8Array(
    await subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(BLOCK) }, byBlocks, summed),
  );
  // WebCrypto adds a block of padding: the code is the block before it.
  const own = chained.subarray(summed.length - BLOCK, summed.length);
  return own.every((byte, i) => byte === code[i]) ? data : undefined;
}
