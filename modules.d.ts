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
