/** Linux's own programs, compiled for our kernel: what a host must have so that they can be run. */

export interface ToolDescription {
  readonly name: string;
  /** What else it is called by, and behaves as. */
  readonly links: readonly string[];
  /** Debian's source package. */
  readonly source: string;
}

export interface Toolbox {
  readonly tools: readonly ToolDescription[];
  /** The program, at once: the kernel asks in the middle of an exec. Undefined: there is none of this name. */
  module(name: string): WebAssembly.Module | undefined;
}
