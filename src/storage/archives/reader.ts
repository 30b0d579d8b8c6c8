/** Headers of an archive, which lie between its files' data: read by the window, each where it is. */

import type { MaybePromise } from '../block-device.ts';
import type { ByteSource } from '../byte-source.ts';

/** Of small files several headers lie in one window; of large ones no more is read than this for each. */
const WINDOW_BYTES = 32 * 1024;

const NOTHING = new Uint8Array(0);

export class HeaderReader {
  readonly source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** `bytes` from `at` on, fewer where the source ends; a view that the next call may overwrite. */
  read(at: number, bytes: number): MaybePromise<Uint8Array> {
    const end = Math.min(at + bytes, this.source.sizeBytes);
    const cut = () => this.#window.subarray(at - this.#at, Math.max(at, end) - this.#at);
    if (at >= this.#at && end <= this.#at + this.#window.length) return cut();
    const length = Math.max(0, Math.min(Math.max(bytes, WINDOW_BYTES), this.source.sizeBytes - at));
    if (length === 0) return NOTHING;
    const window = this.#window.length === length ? this.#window : new Uint8Array(length);
    // Nothing of it counts before it is filled.
    this.#window = new Uint8Array(0);
    const keep = () => {
      this.#window = window;
      this.#at = at;
      return cut();
    };
    const reading = this.source.read(at, window);
    return reading instanceof Promise ? reading.then(keep) : keep();
  }
}
