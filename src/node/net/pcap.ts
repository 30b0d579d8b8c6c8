/** `pcap`: what the kernel sends into a file, and what it gets from one, at the times of that. */

import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { NetBackend, NetPort } from '../../kernel/virtio/net-backend.ts';
import { captured, parsePcap, pcapHeader, pcapRecord } from '../../network/pcap.ts';
import { nodeHost } from '../host.ts';
import { InterfaceError, refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';

/** A timer of Node's is no longer. */
const MOST_MS = 0x7fff_ffff;

/** `WRITTEN`, or `REPLAYED|WRITTEN`, or `REPLAYED|`. */
export function openPcap(param: string): OpenedInterface {
  const [first = '', second, ...more] = param.split('|');
  const what = `pcap ${param}`;
  const [from, to] = second === undefined ? ['', first] : [first, second];
  if ((from === '' && to === '') || more.length > 0)
    throw new InterfaceError(
      `${what}: its param is a file to write, or FILE|FILE: what is replayed, and what is written`,
    );
  const frames = from === '' ? [] : read(what, from);
  const file = to === '' ? undefined : write(what, to);
  let cancel: () => void = () => {};
  const replay = (port: NetPort, at: number): void => {
    const next = frames[at];
    if (!next) return;
    const beforeNs = at === 0 ? 0 : (frames[at - 1]?.afterNs ?? 0);
    cancel = nodeHost.timer(Math.min((next.afterNs - beforeNs) / 1e6, MOST_MS), () => {
      port.deliver(next.frame);
      replay(port, at + 1);
    });
  };
  const backend: NetBackend = {
    offloads: 0n,
    isOutside: frames.length > 0,
    open: (port) => replay(port, 0),
    send: () => {},
    close() {
      cancel();
      file?.close();
    },
  };
  return { backend: file ? captured(backend, file.add) : backend, what };
}

/** A capture file that is written; `add` throws as Node does. */
export function write(what: string, path: string): { add(frame: Uint8Array): void; close(): void } {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'w');
    writeSync(fd, pcapHeader());
  } catch (cause) {
    throw refused(what, cause);
  }
  return {
    add(frame) {
      if (fd !== undefined) writeSync(fd, pcapRecord(frame, nodeHost.realtimeNs()));
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function read(what: string, path: string) {
  let bytes: Uint8Array;
  try {
    // To open a pipe would wait for somebody at its other end; a device may never end.
    if (!statSync(path).isFile()) throw new InterfaceError(`${what}: ${path} is no file`);
    bytes = readFileSync(path);
  } catch (cause) {
    throw cause instanceof InterfaceError ? cause : refused(what, cause);
  }
  try {
    return parsePcap(bytes);
  } catch (cause) {
    throw new InterfaceError(`${what}: ${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
