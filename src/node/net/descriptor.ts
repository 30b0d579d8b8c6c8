/** A descriptor of this machine that never waits: read and written at once, and heard of when it can be again. */

import { closeSync } from 'node:fs';
import { errnos } from '../../abi/errno.ts';
import { hostCall, hostError, module } from '../native/calls.ts';
import { READABLE, WRITABLE } from '../native/native.ts';

const { EAGAIN, EINTR } = errnos;

export class Descriptor {
  readonly fd: number;
  readonly #storage: Uint8Array;
  readonly #onReadable: () => void;
  #writable: PromiseWithResolvers<void> | undefined;
  #isListening = false;
  #isClosed = false;

  /** `fd` is its own from now on; it has O_NONBLOCK. `onReadable` is called while it listens and there is something. */
  constructor(fd: number, onReadable: () => void) {
    this.fd = fd;
    this.#onReadable = onReadable;
    const host = module();
    this.#storage = new Uint8Array(host.watchBytes());
    const ret = host.watch(this.#storage, fd, (events) => this.#heard(events));
    if (ret < 0) {
      closeSync(fd);
      throw hostError('uv_poll_init', -ret);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  listen(on: boolean): void {
    if (this.#isListening === on || this.#isClosed) return;
    this.#isListening = on;
    this.#arm();
  }

  /** Bytes read; undefined: nothing is there now. Throws as Node does. */
  read(into: Uint8Array): number | undefined {
    return this.#try('read', () => hostCall('read', this.fd, into, into.length));
  }

  /** Bytes taken; undefined: there is no room now. Throws as Node does. */
  write(from: Uint8Array): number | undefined {
    return this.#try('write', () => hostCall('write', this.fd, from, from.length));
  }

  /** Settles when it takes more, or is closed. */
  writable(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#writable ??= Promise.withResolvers();
    this.#arm();
    return this.#writable.promise;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    module().unwatch(this.#storage);
    closeSync(this.fd);
    this.#writable?.resolve();
  }

  #try(call: 'read' | 'write', make: () => number): number | undefined {
    for (;;) {
      const ret = make();
      if (ret >= 0) return ret;
      if (ret === -EAGAIN.number) return undefined;
      if (ret !== -EINTR.number) throw hostError(call, -ret);
    }
  }

  #arm(): void {
    module().arm(this.#storage, (this.#isListening ? READABLE : 0) | (this.#writable ? WRITABLE : 0));
  }

  #heard(events: number): void {
    if (this.#isClosed) return;
    // An error or a hang-up: whoever reads or writes next is told.
    const able = events < 0 ? READABLE | WRITABLE : events;
    if (able & WRITABLE && this.#writable) {
      const writable = this.#writable;
      this.#writable = undefined;
      this.#arm();
      writable.resolve();
    }
    if (able & READABLE && this.#isListening) this.#onReadable();
  }
}
