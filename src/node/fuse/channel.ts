/** The descriptor of /dev/fuse by which Linux asks and is answered: read without waiting, and heard of by the event loop. */

import { closeSync, write as writeFd } from 'node:fs';
import { promisify } from 'node:util';
import { errnos } from '../../abi/errno.ts';
import { hostCall, hostError, module } from '../native/calls.ts';
import { READABLE } from '../native/native.ts';

export interface Channel {
  /** Reads one request whole into the start of `into`. */
  read(into: Uint8Array): 'request' | 'nothing' | 'gone';
  /** Sends one reply, whole. */
  write(from: Uint8Array): void;
  /** Sends what is no reply; Linux may have to wait for others before it takes it. Settles whether it took it. */
  notify(from: Uint8Array): Promise<boolean>;
  /** Whom to tell of requests, while it listens. */
  onReadable(then: () => void): void;
  listen(on: boolean): void;
  close(): void;
}

/** In a thread: Linux takes locks that it has while it waits for our replies. */
const writeLater = promisify(writeFd);

const { EAGAIN, EINTR, ENODEV, ENOENT, ECONNABORTED } = errnos;

/** `fd` is the channel's own from now on. */
export function fuseChannel(fd: number): Channel {
  const host = module();
  const storage = new Uint8Array(host.watchBytes());
  let heard = () => {};
  let isListening = false;
  const ret = host.watch(storage, fd, () => heard());
  if (ret < 0) throw hostError('uv_poll_init', -ret);
  return {
    read(into) {
      for (;;) {
        const bytes = hostCall('read', fd, into, into.length);
        if (bytes > 0) return 'request';
        // One that was interrupted before we read it is ENOENT: the next one may be there.
        if (bytes === -EINTR.number || bytes === -ENOENT.number) continue;
        if (bytes === -EAGAIN.number) return 'nothing';
        if (bytes === -ENODEV.number || bytes === -ECONNABORTED.number) return 'gone';
        throw hostError('read', -bytes);
      }
    },
    write(from) {
      const ret = hostCall('write', fd, from, from.length);
      // Nobody waits for it any more: it was interrupted, or the mount is gone, which is read next.
      if (ret < 0 && ret !== -ENOENT.number && ret !== -ENODEV.number) throw hostError('write', -ret);
    },
    notify: (from) =>
      writeLater(fd, from).then(
        () => true,
        () => false,
      ),
    onReadable(then) {
      heard = then;
      this.listen(true);
    },
    listen(on) {
      if (on !== isListening) host.arm(storage, on ? READABLE : 0);
      isListening = on;
    },
    close() {
      host.unwatch(storage);
      closeSync(fd);
    },
  };
}
