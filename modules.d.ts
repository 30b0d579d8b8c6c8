/** Files that the bundler and the tests import as modules. */

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

/** As much as is used; its own types do not know that `stdin` ends with null. */
declare module '7z-wasm' {
  interface SevenZip {
    callMain(args: readonly string[]): void;
    readonly FS: { readFile(path: string): Uint8Array };
  }
  interface Options {
    readonly stdin: () => number | null;
    readonly print: (line: string) => void;
    readonly printErr: (line: string) => void;
  }
  const start: (options: Options) => Promise<SevenZip>;
  export default start;
}
