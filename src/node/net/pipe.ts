/** Two fifos, one each way, as LKL's `pipe` has them: a frame is its length as 32 bits little-endian, its virtio-net header and itself. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnos } from '../../abi/errno.ts';
import { S_IFIFO } from '../../abi/uapi/fs.ts';
import { MOST_FRAME_BYTES, NET_HEADER_BYTES, type NetBackend, type NetPort } from '../../kernel/virtio/net-backend.ts';
import { cstring, hostCall, hostError } from '../native/calls.ts';
import { Descriptor } from './descriptor.ts';
import { InterfaceError, refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';

const LENGTH_BYTES = 4;
const MOST_BYTES = NET_HEADER_BYTES + MOST_FRAME_BYTES;
const AT_FDCWD = -100;
const READ_BYTES = 256 * 1024;
/** How long a frame that is half written may take when the interface goes. */
const LAST_FRAME_MS = 500;

/** `receive|send`: a path is made a fifo where there is none. What both ends may leave undone in frames is for both to know. */
export function openPipe(param: string, wanted: bigint): OpenedInterface {
  const [receive = '', send = '', ...more] = param.split('|');
  const what = `pipe ${param}`;
  if (receive === '' || send === '' || more.length > 0)
    throw new InterfaceError(
      `${what}: its param is two paths with a | between them: what it reads, and what it writes`,
    );
  if (receive === send) throw new InterfaceError(`${what}: it would hear itself: these are two fifos`);
  const from = openFifo(what, receive);
  try {
    return { backend: pipeBackend(from, openFifo(what, send), wanted), what };
  } catch (cause) {
    closeSync(from);
    throw cause;
  }
}

/** Both ways, as LKL opens them: so neither end waits for the other to come, nor ends with it. */
function openFifo(what: string, path: string): number {
  const hints = { EACCES: `${path} is not yours to open`, ENOENT: `there is no directory for ${path}` } as const;
  const made = hostCall('mknodat', AT_FDCWD, cstring(path), S_IFIFO | 0o600, 0);
  if (made < 0 && made !== -errnos.EEXIST.number) throw refused(what, hostError('mknodat', -made), hints);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    throw refused(what, cause, hints);
  }
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new InterfaceError(`${what}: ${path} is no fifo`);
}

function pipeBackend(receiveFd: number, sendFd: number, offloads: bigint): NetBackend {
  let port: NetPort | undefined;
  let isBroken = false;
  let sending: Promise<void> | undefined;
  const stream = new FrameStream();
  const buffer = new Uint8Array(READ_BYTES);
  const incoming = new Descriptor(receiveFd, receive);
  const outgoing = new Descriptor(sendFd, () => {});

  function receive(): void {
    while (port && !incoming.isClosed) {
      if (!deliver(port)) return;
      const bytes = incoming.read(buffer);
      if (bytes === undefined || bytes === 0) return;
      stream.push(buffer.subarray(0, bytes));
    }
  }

  /** All that is whole; false: the kernel has no room, or nothing comes any more. */
  function deliver(to: NetPort): boolean {
    for (;;) {
      const { room } = to;
      if (room) {
        incoming.listen(false);
        room.then(() => {
          if (isBroken || incoming.isClosed) return;
          incoming.listen(true);
          receive();
        });
        return false;
      }
      const next = stream.next();
      if (next === undefined) return true;
      if (next === 'broken') {
        // Where the next frame begins is not to be found any more.
        isBroken = true;
        incoming.listen(false);
        to.setCarrier(false);
        return false;
      }
      to.deliver(next.subarray(NET_HEADER_BYTES), next.subarray(0, NET_HEADER_BYTES));
    }
  }

  return {
    offloads,
    isOutside: true,
    open(own) {
      port = own;
      incoming.listen(true);
    },
    send(frame, header) {
      if (outgoing.isClosed) return undefined;
      const bytes = new Uint8Array(LENGTH_BYTES + NET_HEADER_BYTES + frame.length);
      new DataView(bytes.buffer).setUint32(0, NET_HEADER_BYTES + frame.length, true);
      bytes.set(header, LENGTH_BYTES);
      bytes.set(frame, LENGTH_BYTES + NET_HEADER_BYTES);
      const sent = outgoing.write(bytes) ?? 0;
      if (sent === bytes.length) return undefined;
      const rest = async () => {
        for (let at = sent; at < bytes.length && !outgoing.isClosed; ) {
          await outgoing.writable();
          if (!outgoing.isClosed) at += outgoing.write(bytes.subarray(at)) ?? 0;
        }
      };
      sending = rest().finally(() => {
        sending = undefined;
      });
      return sending;
    },
    async close() {
      port = undefined;
      incoming.close();
      // Half a frame would make nonsense of all that comes after it, if somebody else opens the fifo.
      if (sending)
        await Promise.race([sending.catch(() => {}), new Promise((resolve) => setTimeout(resolve, LAST_FRAME_MS))]);
      outgoing.close();
    },
  };
}

/** Bytes in pieces of any size, as frames. */
class FrameStream {
  #bytes = new Uint8Array(2 * READ_BYTES);
  #from = 0;
  #to = 0;

  push(piece: Uint8Array): void {
    if (this.#to + piece.length > this.#bytes.length) {
      // What is left is less than a frame.
      this.#bytes.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    this.#bytes.set(piece, this.#to);
    this.#to += piece.length;
  }

  /** The next frame with its header, good until the next `push`; undefined: it is not whole yet. */
  next(): Uint8Array | 'broken' | undefined {
    const there = this.#to - this.#from;
    if (there < LENGTH_BYTES) return undefined;
    const length = new DataView(this.#bytes.buffer).getUint32(this.#from, true);
    if (length < NET_HEADER_BYTES || length > MOST_BYTES) return 'broken';
    if (there < LENGTH_BYTES + length) return undefined;
    const begin = this.#from + LENGTH_BYTES;
    this.#from = begin + length;
    return this.#bytes.subarray(begin, begin + length);
  }
}
