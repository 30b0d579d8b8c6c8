/** Options of TCP as bytes and back (RFC 9293, 7323, 2018, 7413, 2385). */

import type { TcpOption } from '../language/script.ts';
import { ScriptError } from '../language/script-error.ts';

const EOL = 0;
const NOP = 1;
const MSS = 2;
const WSCALE = 3;
const SACK_OK = 4;
const SACK = 5;
const TS = 8;
const MD5 = 19;
const FO = 34;
const EXP = 254;
/** Of the experiment that Fast Open was (RFC 6994). */
const FOEXP_MAGIC = [0xf9, 0x89] as const;

const u16 = (value: number) => [(value >>> 8) & 0xff, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value)];
const sized = (kind: number, bytes: readonly number[]) => [kind, bytes.length + 2, ...bytes];

function bytesOf(option: TcpOption): readonly number[] {
  switch (option.kind) {
    case 'nop':
      return [NOP];
    case 'eol':
      return [EOL];
    case 'sackOK':
      return sized(SACK_OK, []);
    case 'mss':
      return sized(MSS, u16(option.value));
    case 'wscale':
      return sized(WSCALE, [option.value]);
    case 'TS':
      return sized(TS, [...u32(option.val), ...u32(option.ecr)]);
    case 'sack':
      return sized(
        SACK,
        option.blocks.flatMap(([left, right]) => [...u32(left), ...u32(right)]),
      );
    case 'md5':
      return sized(MD5, [...option.bytes]);
    case 'FO':
      return sized(FO, [...option.bytes]);
    case 'FOEXP':
      return sized(EXP, [...FOEXP_MAGIC, ...option.bytes]);
    case 'other':
      return sized(option.number, [...option.bytes]);
  }
}

/** A header has 60 bytes at most. */
const MOST_BYTES = 40;

/** Whole words: what is missing of the last one is EOL. Throws a `ScriptError` for more than a header has room for. */
export function encodeOptions(options: readonly TcpOption[]): Uint8Array {
  const bytes = options.flatMap(bytesOf);
  if (bytes.length > MOST_BYTES) {
    throw new ScriptError(`options of TCP have ${MOST_BYTES} bytes at most, not ${bytes.length}`);
  }
  while (bytes.length % 4 !== 0) bytes.push(EOL);
  return Uint8Array.from(bytes);
}

export function decodeOptions(bytes: Uint8Array): TcpOption[] {
  const options: TcpOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] ?? 0;
    if (kind === EOL || kind === NOP) {
      options.push({ kind: kind === EOL ? 'eol' : 'nop' });
      at++;
      continue;
    }
    const length = Math.max(bytes[at + 1] ?? 0, 2);
    options.push(decode(kind, bytes.subarray(at + 2, at + length)));
    at += length;
  }
  return options;
}

function decode(kind: number, body: Uint8Array): TcpOption {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (kind === MSS && body.length === 2) return { kind: 'mss', value: view.getUint16(0) };
  if (kind === WSCALE && body.length === 1) return { kind: 'wscale', value: view.getUint8(0) };
  if (kind === SACK_OK && body.length === 0) return { kind: 'sackOK' };
  if (kind === TS && body.length === 8) return { kind: 'TS', val: view.getUint32(0), ecr: view.getUint32(4) };
  if (kind === SACK && body.length % 8 === 0) {
    const blocks = Array.from(
      { length: body.length / 8 },
      (_, i) => [view.getUint32(8 * i), view.getUint32(8 * i + 4)] as const,
    );
    return { kind: 'sack', blocks };
  }
  if (kind === MD5) return { kind: 'md5', bytes: body };
  if (kind === FO) return { kind: 'FO', bytes: body };
  if (kind === EXP && body[0] === FOEXP_MAGIC[0] && body[1] === FOEXP_MAGIC[1]) {
    return { kind: 'FOEXP', bytes: body.subarray(2) };
  }
  return { kind: 'other', number: kind, bytes: body };
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** As a script has it. */
export function formatOption(option: TcpOption): string {
  switch (option.kind) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return option.kind;
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`;
    case 'TS':
      return `TS val ${option.val} ecr ${option.ecr}`;
    case 'sack':
      return `sack ${option.blocks.map(([left, right]) => `${left}:${right}`).join(' ')}`;
    case 'other':
      return `kind ${option.number} ${hex(option.bytes)}`;
    default:
      return `${option.kind}${option.bytes.length > 0 ? ` ${hex(option.bytes)}` : ''}`;
  }
}
