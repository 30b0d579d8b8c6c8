/** JavaScript Promise Integration, which workerd and Node have and TypeScript's library does not know yet. */

declare namespace WebAssembly {
  /** An import made with it suspends the calling wasm stack while its promise is pending. */
  const Suspending: new (fn: (...args: number[]) => unknown) => ImportValue;
  /** The export as a function that answers a promise, and whose wasm stack may be suspended. */
  function promising<A extends readonly unknown[]>(fn: (...args: A) => unknown): (...args: A) => Promise<unknown>;
}
