/** Messages of DHCP (RFC 2131) as bytes and back, with the options (RFC 2132) that set up a host. */

import { concat } from '../../bytes/concat.ts';

export const DHCP = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;
export const DHCP_PORTS = { server: 67, client: 68 } as const;

export interface DhcpMessage {
  readonly isReply: boolean;
  /** Names the exchange. */
  readonly id: number;
  /** Of `DHCP`. */
  readonly type: number;
  /** The client's, of six bytes. */
  readonly mac: Uint8Array;
  /** What the client has, and what it is offered. */
  readonly clientAddress?: Uint8Array | undefined;
  readonly yourAddress?: Uint8Array | undefined;
  /** The client cannot be sent to by its address yet. */
  readonly broadcast?: boolean;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export const OPTION = {
  mask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  mtu: 26,
  broadcast: 28,
  requested: 50,
  lease: 51,
  type: 53,
  server: 54,
  parameters: 55,
  message: 56,
  clientId: 61,
} as const;

const FIXED_BYTES = 236;
const MAGIC = 0x6382_5363;
const LEAST_BYTES = 300;
const PAD = 0;
const END = 255;
const NOBODY = new Uint8Array(4);

export function encodeDhcp(message: DhcpMessage): Uint8Array {
  const head = new Uint8Array(FIXED_BYTES + 4);
  const view = new DataView(head.buffer);
  head[0] = message.isReply ? 2 : 1;
  head[1] = 1; // Ethernet
  head[2] = 6;
  view.setUint32(4, message.id);
  view.setUint16(10, message.broadcast ? 0x8000 : 0);
  head.set(message.clientAddress ?? NOBODY, 12);
  head.set(message.yourAddress ?? NOBODY, 16);
  head.set(message.mac, 28);
  view.setUint32(FIXED_BYTES, MAGIC);
  const options = [[OPTION.type, Uint8Array.of(message.type)] as const, ...message.options].map(([code, value]) =>
    Uint8Array.of(code, value.length, ...value),
  );
  const bytes = concat([head, ...options, Uint8Array.of(END)]);
  return bytes.length >= LEAST_BYTES ? bytes : concat([bytes, new Uint8Array(LEAST_BYTES - bytes.length)]);
}

/** Undefined for what is no DHCP on Ethernet. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < FIXED_BYTES + 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(FIXED_BYTES) !== MAGIC || bytes[1] !== 1 || bytes[2] !== 6) return undefined;
  const options = new Map<number, Uint8Array>();
  for (let at = FIXED_BYTES + 4; at < bytes.length && bytes[at] !== END; ) {
    const code = bytes[at] ?? PAD;
    if (code === PAD) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const value = bytes.slice(at + 2, at + 2 + length);
    if (value.length < length) return undefined;
    const before = options.get(code);
    options.set(code, before ? concat([before, value]) : value); // RFC 3396
    at += 2 + length;
  }
  const type = options.get(OPTION.type)?.[0];
  if (type === undefined) return undefined;
  const address = (at: number) => {
    const four = bytes.slice(at, at + 4);
    return four.some((byte) => byte !== 0) ? four : undefined;
  };
  return {
    isReply: bytes[0] === 2,
    id: view.getUint32(4),
    type,
    mac: bytes.slice(28, 34),
    clientAddress: address(12),
    yourAddress: address(16),
    broadcast: (view.getUint16(10) & 0x8000) !== 0,
    options,
  };
}
