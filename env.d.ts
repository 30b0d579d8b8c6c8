/** Types of what the runtime and the bundler provide: bindings, the few Node modules used, and files imported as modules. */

declare namespace Cloudflare {
  interface Env extends Readonly<import('./src/env.ts').Bindings> {}
  interface GlobalProps {
    mainModule: typeof import('./src/index.ts');
  }
}

/** The part of Node's zlib we use; workerd has it under nodejs_compat. */
declare module 'node:zlib' {
  /** A duplex stream: write on one side, iterate the other. */
  interface Decoder extends AsyncIterable<Uint8Array> {}
  export function createGunzip(options?: { chunkSize?: number }): Decoder;
  export function createZstdDecompress(options?: { chunkSize?: number; params?: Record<number, number> }): Decoder;
  export const constants: { readonly ZSTD_d_windowLogMax: number };
}

declare module 'node:stream/promises' {
  export function pipeline(source: AsyncIterable<Uint8Array>, decoder: import('node:zlib').Decoder): Promise<void>;
}

declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

/** wrangler.toml's rule makes these text. */
declare module '*/rapidoc-min.js' {
  const script: string;
  export default script;
}

declare module '*/uPlot.iife.min.js' {
  const script: string;
  export default script;
}

declare module '*/charts.js' {
  const script: string;
  export default script;
}

declare module '*.css' {
  const style: string;
  export default style;
}
