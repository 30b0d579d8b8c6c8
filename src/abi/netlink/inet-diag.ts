/** sock_diag(7) for TCP and UDP: the sockets of a namespace as ss(8) sees them, and struct tcp_info. */

import { type Codec, Struct, u8, u16, u32, u64AsNumber } from '../struct.ts';
import { array, be16, bytes, decode, encode } from './codecs.ts';
import { AF, INET_DIAG, SOCK_DIAG_BY_FAMILY, tcpStates } from './constants.ts';
import { formatIp } from './inet.ts';
import { asString, dump, type NetlinkRequest, parseAttributes } from './message.ts';

const sockid = Struct({
  sourcePort: be16,
  destinationPort: be16,
  source: bytes(16),
  destination: bytes(16),
  device: u32,
  cookie: array(u32, 2),
});
const requestV2 = Struct({ family: u8, protocol: u8, extensions: u8, pad: u8, states: u32, id: sockid });
const diagMessage = Struct({
  family: u8,
  state: u8,
  timer: u8,
  retransmits: u8,
  id: sockid,
  expires: u32,
  receiveQueue: u32,
  sendQueue: u32,
  uid: u32,
  inode: u32,
});

/** All sockets of one family and protocol (IPPROTO), with tcp_info and the congestion control's name and numbers. */
export function dumpSockets(family: number, protocol: number): NetlinkRequest {
  const extensions = [INET_DIAG.MEMINFO, INET_DIAG.INFO, INET_DIAG.VEGASINFO, INET_DIAG.CONG].reduce(
    (mask, bit) => mask | (1 << (bit - 1)),
    0,
  );
  return dump(SOCK_DIAG_BY_FAMILY, encode(requestV2, { family, protocol, extensions, states: 0xffff_ffff }));
}

/** struct tcp_info, include/uapi/linux/tcp.h, under the names it has there without `tcpi_`. */
export const tcpInfo = Struct({
  state: u8,
  ca_state: u8,
  retransmits: u8,
  probes: u8,
  backoff: u8,
  options: u8,
  wscale: u8,
  app_limited: u8,
  rto: u32,
  ato: u32,
  snd_mss: u32,
  rcv_mss: u32,
  unacked: u32,
  sacked: u32,
  lost: u32,
  retrans: u32,
  fackets: u32,
  last_data_sent: u32,
  last_ack_sent: u32,
  last_data_recv: u32,
  last_ack_recv: u32,
  pmtu: u32,
  rcv_ssthresh: u32,
  rtt: u32,
  rttvar: u32,
  snd_ssthresh: u32,
  snd_cwnd: u32,
  advmss: u32,
  reordering: u32,
  rcv_rtt: u32,
  rcv_space: u32,
  total_retrans: u32,
  pacing_rate: u64AsNumber,
  max_pacing_rate: u64AsNumber,
  bytes_acked: u64AsNumber,
  bytes_received: u64AsNumber,
  segs_out: u32,
  segs_in: u32,
  notsent_bytes: u32,
  min_rtt: u32,
  data_segs_in: u32,
  data_segs_out: u32,
  delivery_rate: u64AsNumber,
  busy_time: u64AsNumber,
  rwnd_limited: u64AsNumber,
  sndbuf_limited: u64AsNumber,
  delivered: u32,
  delivered_ce: u32,
  bytes_sent: u64AsNumber,
  bytes_retrans: u64AsNumber,
  dsack_dups: u32,
  reord_seen: u32,
  rcv_ooopack: u32,
  snd_wnd: u32,
  rcv_wnd: u32,
  rehash: u32,
  total_rto: u16,
  total_rto_recoveries: u16,
  total_rto_time: u32,
});

export type TcpInfo = ReturnType<typeof tcpInfo.read>;

/** tcp_info as getsockopt(TCP_INFO) or a dump gives it. */
export const parseTcpInfo = (payload: Uint8Array): TcpInfo => decode(tcpInfo, payload);

const bbrInfo = Struct({ bandwidth: u64AsNumber, min_rtt: u32, pacing_gain: u32, cwnd_gain: u32 });
const vegasInfo = Struct({ enabled: u32, rttcnt: u32, rtt: u32, minrtt: u32 });
const dctcpInfo = Struct({ enabled: u16, ce_state: u16, alpha: u32, ab_ecn: u32, ab_tot: u32 });

/** One socket. Addresses and ports as ss(8) shows them. */
export interface SocketState {
  readonly state: string;
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  /** Bytes not read, or connections not accepted. */
  readonly receiveQueue: number;
  /** Bytes not acknowledged, or the backlog. */
  readonly sendQueue: number;
  readonly inode: number;
  readonly congestion?: string;
  readonly tcpInfo?: TcpInfo;
  /** What the congestion control tells of itself. */
  readonly congestionInfo?: Readonly<Record<string, number>>;
}

export function parseSocket(payload: Uint8Array): SocketState {
  const message = decode(diagMessage, payload);
  const attributes = parseAttributes(payload.subarray(diagMessage.size));
  const address = (whole: Uint8Array) => formatIp(message.family === AF.INET ? whole.subarray(0, 4) : whole);
  const congestion = attributes.get(INET_DIAG.CONG);
  const info = attributes.get(INET_DIAG.INFO);
  const congestionInfo = parseCongestionInfo(attributes);
  return {
    state: tcpStates[message.state - 1] ?? `UNKNOWN-${message.state}`,
    local: address(message.id.source),
    localPort: message.id.sourcePort,
    peer: address(message.id.destination),
    peerPort: message.id.destinationPort,
    receiveQueue: message.receiveQueue,
    sendQueue: message.sendQueue,
    inode: message.inode,
    ...(congestion && { congestion: asString(congestion) }),
    ...(info && info.length > 0 && { tcpInfo: parseTcpInfo(info) }),
    ...(congestionInfo && { congestionInfo }),
  };
}

function parseCongestionInfo(attributes: ReadonlyMap<number, Uint8Array>): Record<string, number> | undefined {
  const kinds: readonly [number, Codec<Record<string, number>>][] = [
    [INET_DIAG.BBRINFO, bbrInfo],
    [INET_DIAG.VEGASINFO, vegasInfo],
    [INET_DIAG.DCTCPINFO, dctcpInfo],
  ];
  for (const [type, codec] of kinds) {
    const payload = attributes.get(type);
    if (payload) return decode(codec, payload);
  }
  return undefined;
}
