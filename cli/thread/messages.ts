/** What the thread of a command and the main thread, which has the terminal and the signals, tell each other. */

export interface Ends {
  readonly isTerminal: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** What the thread is given: which of its ends are terminals. */
export interface Standard {
  readonly stdin: Ends;
  readonly stdout: Ends;
  readonly stderr: Ends;
}

/** From the thread. */
export type Told =
  /** It begins to read standard input. */
  | { readonly kind: 'reads' }
  | { readonly kind: 'raw'; readonly isRaw: boolean }
  /** Paths that are to be removed if it ends now. */
  | { readonly kind: 'left'; readonly paths: readonly string[] }
  /** It has heard what was asked: its event loop turns. */
  | { readonly kind: 'alive' };

/** To the thread. */
export type Asked =
  | { readonly kind: 'resize'; readonly stdout: Ends; readonly stderr: Ends }
  /** Compiled while the thread began; none: it compiles its own. */
  | { readonly kind: 'kernel'; readonly module?: WebAssembly.Module }
  | { readonly kind: 'alive?' };
