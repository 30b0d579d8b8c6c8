/** Whether a file is WebAssembly at all: by its first bytes. */

const MAGIC = [0, 0x61, 0x73, 0x6d];

export const isWasm = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);
