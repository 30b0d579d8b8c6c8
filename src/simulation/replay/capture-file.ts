/** Frames of a capture file with their times: pcap, of microseconds or nanoseconds and either byte order, and pcapng. */

export interface CapturedFrame {
  readonly timeNs: bigint;
  /** LINKTYPE_* of the interface that it was seen at. */
  readonly linkType: number;
  /** What was kept of it. */
  readonly bytes: Uint8Array;
}

/** A file that is none, or that breaks off. */
export class BadCapture extends Error {
  override readonly name = 'BadCapture';
}

const PCAP = { us: 0xa1b2c3d4, ns: 0xa1b23c4d } as const;
const SECTION = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const BLOCK = { interface: 1, simple: 3, enhanced: 6 } as const;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

export function* readCapture(file: Uint8Array): Generator<CapturedFrame, void, void> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 24) throw new BadCapture('it is no capture: neither pcap nor pcapng begins like that');
  for (const isLittle of [true, false]) {
    const magic = view.getUint32(0, isLittle);
    if (magic === PCAP.us || magic === PCAP.ns) return yield* readPcap(file, view, isLittle, magic === PCAP.ns);
  }
  if (view.getUint32(0) === SECTION) return yield* readPcapng(file, view);
  throw new BadCapture('it is no capture: neither pcap nor pcapng begins like that');
}

function* readPcap(file: Uint8Array, view: DataView, isLittle: boolean, isNs: boolean): Generator<CapturedFrame> {
  // Above the lower 16 bits are flags of the frame check sequence.
  const linkType = view.getUint32(20, isLittle) & 0xffff;
  for (let at = 24; at < file.length; ) {
    if (at + 16 > file.length) throw cutOff(at);
    const [seconds, fraction, kept] = [0, 4, 8].map((offset) => view.getUint32(at + offset, isLittle));
    const end = at + 16 + (kept ?? 0);
    if (end > file.length) throw cutOff(at);
    const timeNs = BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(fraction ?? 0) * (isNs ? 1n : 1000n);
    yield { timeNs, linkType, bytes: file.subarray(at + 16, end) };
    at = end;
  }
}

/** An interface of a section: how its times count. */
interface Seen {
  readonly linkType: number;
  readonly toNs: (units: bigint) => bigint;
}

function* readPcapng(file: Uint8Array, view: DataView): Generator<CapturedFrame> {
  let isLittle = true;
  let seen: Seen[] = [];
  for (let at = 0; at < file.length; ) {
    if (at + 12 > file.length) throw cutOff(at);
    if (view.getUint32(at) === SECTION) {
      isLittle = view.getUint32(at + 8, true) === BYTE_ORDER;
      if (!isLittle && view.getUint32(at + 8) !== BYTE_ORDER) throw new BadCapture('a section of no byte order');
      seen = [];
    }
    const type = view.getUint32(at, isLittle);
    const length = view.getUint32(at + 4, isLittle);
    if (length < 12 || length % 4 !== 0 || at + length > file.length) throw cutOff(at);
    if (type === BLOCK.interface && length >= 20) seen.push(interfaceOf(view, at, length, isLittle));
    else if (type === BLOCK.enhanced && length >= 32) {
      const from = seen[view.getUint32(at + 8, isLittle)];
      const kept = view.getUint32(at + 20, isLittle);
      if (!from || 32 + kept > length) throw cutOff(at);
      const units = (BigInt(view.getUint32(at + 12, isLittle)) << 32n) | BigInt(view.getUint32(at + 16, isLittle));
      yield { timeNs: from.toNs(units), linkType: from.linkType, bytes: file.subarray(at + 28, at + 28 + kept) };
    } else if (type === BLOCK.simple) throw new BadCapture('its packets have no times (simple packet blocks)');
    at += length;
  }
}

function interfaceOf(view: DataView, at: number, length: number, isLittle: boolean): Seen {
  let resolution = 6;
  let offsetNs = 0n;
  for (let option = at + 16; option + 4 <= at + length - 4; ) {
    const code = view.getUint16(option, isLittle);
    const bytes = view.getUint16(option + 2, isLittle);
    if (code === 0) break;
    if (code === IF_TSRESOL && bytes === 1) resolution = view.getUint8(option + 4);
    if (code === IF_TSOFFSET && bytes === 8 && option + 12 <= at + length)
      offsetNs = view.getBigInt64(option + 4, isLittle) * 1_000_000_000n;
    option += 4 + ((bytes + 3) & ~3);
  }
  // The highest bit: powers of two instead of ten.
  const perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  return {
    linkType: view.getUint16(at + 8, isLittle),
    toNs: (units) => (units * 1_000_000_000n) / perSecond + offsetNs,
  };
}

const cutOff = (at: number): BadCapture => new BadCapture(`it breaks off at byte ${at}, within a packet`);
