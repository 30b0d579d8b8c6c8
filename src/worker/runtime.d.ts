/** Types of what the runtime provides: bindings, and the few Node modules used. */

declare namespace Cloudflare {
  interface Env extends Readonly<import('./env.ts').Bindings> {}
  interface GlobalProps {
    mainModule: typeof import('./index.ts');
  }
}

/** The part of Node's zlib we use; workerd has it under nodejs_compat. */
declare module 'node:zlib' {
  const zlib: import('../archive/zlib-decoders.ts').Zlib & import('../storage/formats/parts/zlib-chunks.ts').ZlibSync;
  export const {
    constants,
    crc32,
    createInflateRaw,
    createZstdDecompress,
    inflateRawSync,
    zstdDecompressSync,
  }: typeof zlib;
  export const deflateSync: (bytes: Uint8Array) => Uint8Array;
}

declare module 'node:stream/promises' {
  export const pipeline: import('../archive/zlib-decoders.ts').Pipeline;
}
