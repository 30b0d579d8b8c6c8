/** Netlink messages and their attributes to and from bytes; see netlink(7) and Documentation/userspace-api/netlink. */

import { Struct, u16, u32 } from '../struct.ts';
import { decode, encode } from './codecs.ts';
import { NLA_F, NLM_F, NLMSG, NLMSGERR_ATTR } from './constants.ts';

/** What a caller asks; the socket adds the sequence number. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** One message the kernel sent. */
export interface NetlinkMessage extends NetlinkRequest {
  readonly seq: number;
  readonly pid: number;
}

/** How the kernel ended a request: errno 0 is an acknowledgement; the words are its extended acknowledgement. */
export interface NetlinkResult {
  /** Zero or a negative errno. */
  readonly error: number;
  readonly message?: string;
  /** Offset in the request of the attribute that the kernel refused. */
  readonly offset?: number;
}

/** One attribute: its type and its whole bytes, header and padding included. */
export type Attribute = Uint8Array;

const header = Struct({ len: u32, type: u16, flags: u16, seq: u32, pid: u32 });
const align4 = (n: number): number => (n + 3) & ~3;

/** Lay parts one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A request: the family's fixed header, then attributes. REQUEST and ACK are always asked. */
export function request(
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: readonly Attribute[] = [],
): NetlinkRequest {
  return { type, flags: flags | NLM_F.REQUEST | NLM_F.ACK, payload: concat([padded(body), ...attributes]) };
}

/** A dump of all objects of a kind; ends with NLMSG_DONE. */
export function dump(type: number, body: Uint8Array, attributes: readonly Attribute[] = []): NetlinkRequest {
  return { type, flags: NLM_F.REQUEST | NLM_F.DUMP, payload: concat([padded(body), ...attributes]) };
}

/** The request as it goes into sendto(2). */
export function frame(message: NetlinkRequest, seq: number): Uint8Array {
  const head = encode(header, {
    len: header.size + message.payload.length,
    type: message.type,
    flags: message.flags,
    seq,
  });
  return concat([head, message.payload]);
}

/** Every message of one datagram from recv(2). */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const found: NetlinkMessage[] = [];
  for (let at = 0; at + header.size <= bytes.length; ) {
    const { len, type, flags, seq, pid } = decode(header, bytes.subarray(at));
    if (len < header.size || at + len > bytes.length)
      throw new Error(`netlink message of ${len} bytes does not fit its datagram`);
    found.push({ type, flags, seq, pid, payload: bytes.slice(at + header.size, at + len) });
    at += align4(len);
  }
  return found;
}

/** The outcome that an NLMSG_ERROR or NLMSG_DONE message carries. */
export function parseResult({ type, flags, payload }: NetlinkMessage): NetlinkResult {
  if (payload.length < 4) return { error: 0 };
  const error = new DataView(payload.buffer, payload.byteOffset).getInt32(0, true);
  if (!(flags & NLM_F.ACK_TLVS)) return { error };
  const attributes = parseAttributes(payload.subarray(type === NLMSG.ERROR ? afterEcho(flags, payload) : 4));
  const message = attributes.get(NLMSGERR_ATTR.MSG);
  const offset = attributes.get(NLMSGERR_ATTR.OFFS);
  return { error, ...(message && { message: asString(message) }), ...(offset && { offset: asU32(offset) }) };
}

/** nlmsgerr echoes the request: whole, or only its header when the reply is capped. */
function afterEcho(flags: number, payload: Uint8Array): number {
  const echoed = flags & NLM_F.CAPPED ? header.size : decode(header, payload.subarray(4)).len;
  return 4 + align4(echoed);
}

/** Attributes by type; of several with one type, the last. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(listAttributes(bytes));
}

/** Attributes in order, as [type, payload]; the nesting and byte-order flags are taken off. */
export function listAttributes(bytes: Uint8Array): [number, Uint8Array][] {
  const found: [number, Uint8Array][] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length)
      throw new Error(`netlink attribute of ${length} bytes does not fit its message`);
    found.push([
      view.getUint16(at + 2, true) & ~(NLA_F.NESTED | NLA_F.NET_BYTEORDER),
      bytes.slice(at + 4, at + length),
    ]);
    at += align4(length);
  }
  return found;
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length === align4(bytes.length)) return bytes;
  const whole = new Uint8Array(align4(bytes.length));
  whole.set(bytes);
  return whole;
}

/** An attribute of raw bytes. */
export function raw(type: number, payload: Uint8Array): Attribute {
  const whole = new Uint8Array(align4(4 + payload.length));
  const view = new DataView(whole.buffer);
  view.setUint16(0, 4 + payload.length, true);
  view.setUint16(2, type, true);
  whole.set(payload, 4);
  return whole;
}

/** An attribute that holds attributes, without NLA_F_NESTED: none of the nests used here asks for the flag. */
export const nested = (type: number, attributes: readonly Attribute[]): Attribute => raw(type, concat(attributes));
/** A NUL-terminated string. */
export const string = (type: number, value: string): Attribute => raw(type, new TextEncoder().encode(`${value}\0`));
export const attrU8 = (type: number, value: number): Attribute => raw(type, Uint8Array.of(value));
export const attrU16 = (type: number, value: number): Attribute => raw(type, Uint8Array.of(value & 0xff, value >>> 8));
/** 16 bits in network byte order: ports and protocols. */
export const attrBe16 = (type: number, value: number): Attribute => raw(type, Uint8Array.of(value >>> 8, value & 0xff));
export function attrU32(type: number, value: number): Attribute {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value, true);
  return raw(type, payload);
}
/** 64 bits of either sign. */
export function attrU64(type: number, value: number | bigint): Attribute {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return raw(type, payload);
}

/** Attributes of the values that are given, in order: the absent ones fall out. */
export function present(...attributes: readonly (Attribute | undefined)[]): Attribute[] {
  return attributes.filter((attribute) => attribute !== undefined);
}

/** Apply an attribute maker to a value that may be absent. */
export function maybe<T>(
  make: (type: number, value: T) => Attribute,
  type: number,
  value: T | undefined,
): Attribute | undefined {
  return value === undefined ? undefined : make(type, value);
}

export function asString(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
}
export const asU32 = (payload: Uint8Array): number =>
  new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
export const asU64 = (payload: Uint8Array): number =>
  Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true));
