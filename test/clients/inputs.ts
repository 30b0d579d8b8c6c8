/** What both clients send. */

export interface Inputs {
  readonly url: string;
  /** Sees what is sent. */
  readonly fetch: typeof fetch;
  /** An image of a file system that has `/hello`. */
  readonly image: Blob;
  /** One of a file system that Linux writes. */
  readonly disk: Blob;
}

export const HELLO = 'hello\n';

/** The value of an answer that has to be there. */
export function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`no ${what}`);
  return value;
}
