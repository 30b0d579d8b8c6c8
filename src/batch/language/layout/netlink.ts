/** Netlink messages as JSON, both ways; see netlink(7), rtnetlink(7) and sock_diag(7). */

import { formatWords, groupOf } from '../../../abi/constants.ts';
import { isNumber, layoutOf, readNumber, sizeOf, writeNumber } from '../../../abi/layout.ts';
import { formatIp, parseIp } from '../../../abi/netlink/inet.ts';
import type { ConstantGroup } from '../../../abi/uapi/constants.ts';
import type { StructName } from '../../../abi/uapi/structs.ts';
import { at, Mistake } from '../mistake.ts';
import type { Json, JsonObject } from '../types.ts';
import { hex, inputBytes, isObject, text } from '../values/bytes.ts';
import { integer } from '../values/integer.ts';

const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const LITTLE = true;

/** What follows the header of a message of some type: a fixed struct, then attributes of one group. */
const bodies: readonly (readonly [types: RegExp, struct: StructName, attributes?: ConstantGroup])[] = [
  [/^RTM_...(LINK|LINKPROP)$/, 'ifinfomsg', 'ifla'],
  [/^RTM_...ADDR$/, 'ifaddrmsg', 'ifa'],
  [/^RTM_...ROUTE$/, 'rtmsg', 'rta'],
  [/^RTM_...NEIGH$/, 'ndmsg', 'nda'],
  [/^RTM_...RULE$/, 'fib_rule_hdr', 'fra'],
  [/^RTM_...(QDISC|TCLASS|TFILTER|CHAIN)$/, 'tcmsg', 'tca'],
  [/^RTM_...NEXTHOP$/, 'nhmsg', 'nha'],
  [/^RTM_...NSID$/, 'rtgenmsg', 'netnsa'],
  [/^NLMSG_ERROR$/, 'nlmsgerr'],
];

/** Attributes that hold attributes, and those that hold an address. */
const nests: Record<string, ConstantGroup> = { IFLA_LINKINFO: 'ifla_info', RTA_METRICS: 'rtax' };
const addresses =
  /^(IFA_(ADDRESS|LOCAL|BROADCAST|ANYCAST|MULTICAST)|RTA_(DST|SRC|GATEWAY|PREFSRC)|NDA_DST|FRA_(DST|SRC)|NHA_GATEWAY)$/;

/** The struct and the attributes of messages of type `type`. */
function bodyOf(type: number): { readonly struct?: StructName; readonly attributes?: ConstantGroup } {
  const word = formatWords(type, 'rtm') ?? '';
  const [, struct, attributes] = bodies.find(([types]) => types.test(word)) ?? [];
  return { ...(struct && { struct }), ...(attributes && { attributes }) };
}

/** How to encode a struct or another value of the batch language. */
export type ToBytes = (value: Json, path: string) => Uint8Array;

/** [{"nlmsg_type", "nlmsg_flags", "nlmsg_seq", "body": {…}, "attrs": […]}] as one datagram. */
export function netlinkBytes(value: Json, path: string, toBytes: ToBytes): Uint8Array {
  const messages = Array.isArray(value) ? value : [value];
  return concat(messages.map((message: Json, i) => messageBytes(message, at(path, i), toBytes)));
}

function messageBytes(message: Json, path: string, toBytes: ToBytes): Uint8Array {
  if (!isObject(message)) throw new Mistake('wrong-type', path, 'a message is an object');
  const { body, attrs, ...header } = message;
  const type = Number(integer(header.nlmsg_type ?? 0, at(path, 'nlmsg_type')));
  const { struct } = bodyOf(type);
  const fixed = isObject(body) ? toBytes({ ...(struct && { struct }), ...body }, at(path, 'body')) : new Uint8Array();
  const content = concat([fixed, ...attributesOf(attrs, at(path, 'attrs'), toBytes)]);
  const head = toBytes(
    { nlmsg_len: HEADER_BYTES + content.length, ...header, struct: 'nlmsghdr', nlmsg_type: type },
    path,
  );
  return concat([head, content]);
}

function attributesOf(value: Json | undefined, path: string, toBytes: ToBytes): Uint8Array[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Mistake('wrong-type', path, 'attributes are a list');
  return value.map((item: Json, i) => attributeBytes(item, at(path, i), toBytes));
}

/** {"type": "IFLA_IFNAME", …} with one of utf8, hex, base64, ip, attrs, a number (u8, u32, be16 …) or a struct. */
function attributeBytes(value: Json, path: string, toBytes: ToBytes): Uint8Array {
  if (!isObject(value)) throw new Mistake('wrong-type', path, 'an attribute is an object');
  const { type, ...content } = value;
  const payload = attributePayload(content, path, toBytes);
  const bytes = new Uint8Array(ATTRIBUTE_HEADER_BYTES + payload.length);
  const data = new DataView(bytes.buffer);
  data.setUint16(0, bytes.length, LITTLE);
  data.setUint16(2, Number(integer(type ?? 0, at(path, 'type'))), LITTLE);
  bytes.set(payload, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

function attributePayload(content: JsonObject, path: string, toBytes: ToBytes): Uint8Array {
  if (content.attrs !== undefined) return concat(attributesOf(content.attrs, at(path, 'attrs'), toBytes));
  // A name ends with its NUL, as the kernel's own attributes do.
  if (typeof content.utf8 === 'string' && content.hex === undefined && content.base64 === undefined)
    return new TextEncoder().encode(`${content.utf8}\0`);
  const given = inputBytes(content, path);
  if (given) return given;
  if (content.ip !== undefined) {
    const ip = typeof content.ip === 'string' ? parseIp(content.ip) : undefined;
    if (!ip) throw new Mistake('wrong-type', at(path, 'ip'), 'no address');
    return ip;
  }
  const scalar = Object.keys(content).find(isNumber);
  if (scalar !== undefined) {
    const bytes = new Uint8Array(sizeOf(scalar) ?? 0);
    writeNumber(new DataView(bytes.buffer), 0, scalar, BigInt(integer(content[scalar] ?? 0, at(path, scalar))));
    return bytes;
  }
  return content.struct === undefined ? new Uint8Array() : toBytes(content, path);
}

/** How to decode a struct of the tables. */
export type ReadStruct = (struct: StructName, bytes: Uint8Array) => Json;

/** Every message of what recv(2) gave. What is cut off is left out. */
export function readNetlink(bytes: Uint8Array, readStruct: ReadStruct): Json[] {
  const messages: Json[] = [];
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let next = 0; next + HEADER_BYTES <= bytes.length; ) {
    const length = data.getUint32(next, LITTLE);
    if (length < HEADER_BYTES || next + length > bytes.length) break;
    messages.push(readMessage(bytes.subarray(next, next + length), data.getUint16(next + 4, LITTLE), readStruct));
    next += align(length);
  }
  return messages;
}

function readMessage(bytes: Uint8Array, type: number, readStruct: ReadStruct): Json {
  const { struct, attributes } = bodyOf(type);
  const header = readStruct('nlmsghdr', bytes.subarray(0, HEADER_BYTES));
  const payload = bytes.subarray(HEADER_BYTES);
  const size = struct === undefined ? 0 : Math.min(align(layoutOf(struct).size), payload.length);
  return {
    ...(isObject(header) && header),
    nlmsg_type: formatWords(type, 'rtm') ?? type,
    ...(struct && { body: readStruct(struct, payload.subarray(0, size)) }),
    ...(attributes
      ? { attrs: readAttributes(payload.subarray(size), attributes) }
      : { hex: hex(payload.subarray(size)) }),
  };
}

function readAttributes(bytes: Uint8Array, group: ConstantGroup | undefined): Json[] {
  const found: Json[] = [];
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let next = 0; next + ATTRIBUTE_HEADER_BYTES <= bytes.length; ) {
    const length = data.getUint16(next, LITTLE);
    if (length < ATTRIBUTE_HEADER_BYTES || next + length > bytes.length) break;
    found.push(
      readAttribute(bytes.slice(next + ATTRIBUTE_HEADER_BYTES, next + length), data.getUint16(next + 2, LITTLE), group),
    );
    next += align(length);
  }
  return found;
}

/** Its bytes, and beside them what they look like: a number, a name, an address, more attributes. */
function readAttribute(bytes: Uint8Array, type: number, group: ConstantGroup | undefined): Json {
  const nested = groupOf('nla').values.get('NLA_F_NESTED') ?? 0;
  const plain = type & 0x3fff;
  const word = (group && formatWords(plain, group)) ?? plain;
  const inner = nests[word];
  if (inner !== undefined || type & nested) return { type: word, attrs: readAttributes(bytes, inner) };
  const scalar = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' }[bytes.length];
  const name = bytes.at(-1) === 0 ? text(bytes.subarray(0, -1)) : undefined;
  return {
    type: word,
    hex: hex(bytes),
    ...(scalar && { [scalar]: readNumber(new DataView(bytes.buffer), 0, scalar) }),
    ...(name !== undefined && /^[\x20-\x7e]+$/.test(name) && { utf8: name }),
    ...(typeof word === 'string' &&
      addresses.test(word) &&
      (bytes.length === 4 || bytes.length === 16) && { ip: formatIp(bytes) }),
  };
}

/** Parts one after another, each padded to a multiple of 4 bytes (NLMSG_ALIGNTO). */
function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + align(part.length), 0));
  let next = 0;
  for (const part of parts) {
    whole.set(part, next);
    next += align(part.length);
  }
  return whole;
}

const align = (bytes: number): number => (bytes + 3) & ~3;
