/** Frames as a capture file (the older pcap, with nanoseconds), and back. */

import type { NetBackend, NetPort } from '../kernel/virtio/net-backend.ts';

const NANOSECONDS = 0xa1b2_3c4d;
const MICROSECONDS = 0xa1b2_c3d4;
const ETHERNET = 1;
const HEADER_BYTES = 24;
const RECORD_BYTES = 16;
const SNAPLEN = 262_144;

export function pcapHeader(): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  view.setUint32(0, NANOSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAPLEN, true);
  view.setUint32(20, ETHERNET, true);
  return new Uint8Array(view.buffer);
}

/** `timeNs` since 1970. */
export function pcapRecord(frame: Uint8Array, timeNs: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES + frame.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(timeNs / 1e9), true);
  view.setUint32(4, Math.floor(timeNs % 1e9), true);
  view.setUint32(8, frame.length, true);
  view.setUint32(12, frame.length, true);
  bytes.set(frame, RECORD_BYTES);
  return bytes;
}

export interface CapturedFrame {
  /** Since the first one. */
  readonly afterNs: number;
  readonly frame: Uint8Array;
}

/** Every whole frame; those that were cut when they were captured are left out. Throws for what is no capture of Ethernet. */
export function parsePcap(bytes: Uint8Array): readonly CapturedFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES) throw new Error('it is no pcap file: it is too short');
  const little = [NANOSECONDS, MICROSECONDS].includes(view.getUint32(0, true));
  const magic = view.getUint32(0, little);
  if (magic !== NANOSECONDS && magic !== MICROSECONDS) throw new Error('it is no pcap file (pcapng is not understood)');
  if ((view.getUint32(20, little) & 0xffff) !== ETHERNET) throw new Error('it is no capture of Ethernet');
  const unitNs = magic === NANOSECONDS ? 1 : 1000;
  const frames: { timeNs: number; frame: Uint8Array }[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    if (at + RECORD_BYTES > bytes.length) throw new Error('it is cut off');
    const kept = view.getUint32(at + 8, little);
    const timeNs = view.getUint32(at, little) * 1e9 + view.getUint32(at + 4, little) * unitNs;
    const begin = at + RECORD_BYTES;
    at = begin + kept;
    if (at > bytes.length) throw new Error('it is cut off');
    if (kept === view.getUint32(begin - 4, little)) frames.push({ timeNs, frame: bytes.subarray(begin, at) });
  }
  const first = frames[0]?.timeNs ?? 0;
  return frames.map(({ timeNs, frame }) => ({ afterNs: Math.max(0, timeNs - first), frame }));
}

/** The same back end, whose frames `seen` is shown, both ways, as they are: with offloads, longer ones than a wire would have. */
export const captured = (backend: NetBackend, seen: (frame: Uint8Array) => void): NetBackend => ({
  offloads: backend.offloads,
  isOutside: backend.isOutside,
  open: (port) => backend.open(watched(port, seen)),
  send(frame, header) {
    seen(frame);
    return backend.send(frame, header);
  },
  close: () => backend.close(),
});

const watched = (port: NetPort, seen: (frame: Uint8Array) => void): NetPort => ({
  deliver(frame, header) {
    seen(frame);
    return port.deliver(frame, header);
  },
  get room() {
    return port.room;
  },
  setCarrier: (up) => port.setCarrier(up),
});
