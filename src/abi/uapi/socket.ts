/** Numbers of the socket calls, by their Linux names: SO.RCVLOWAT is SO_RCVLOWAT. */

export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, CLOEXEC: 0o2000000 } as const;

export const SOL = { IP: 0, SOCKET: 1, TCP: 6, IPV6: 41, PACKET: 263, MPTCP: 284 } as const;

/** asm-generic/socket.h; the names of times are those with 64-bit seconds. */
export const SO = {
  REUSEADDR: 2,
  BROADCAST: 6,
  ERROR: 4,
  LINGER: 13,
  RCVLOWAT: 18,
  BINDTODEVICE: 25,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  PROTOCOL: 38,
  MAX_PACING_RATE: 47,
  TIMESTAMPNS_NEW: 64,
} as const;

/** ip(7), ipv6(7): any address may be this host's. */
export const IP_TRANSPARENT = 19;
export const IPV6_TRANSPARENT = 75;
export const IPV6_V6ONLY = 26;

/** tcp(7) */
export const TCP = {
  NODELAY: 1,
  MAXSEG: 2,
  INFO: 11,
  QUICKACK: 12,
  CONGESTION: 13,
  FASTOPEN: 23,
  NOTSENT_LOWAT: 25,
  FASTOPEN_CONNECT: 30,
} as const;

/** linux/mptcp.h: struct mptcp_info, and where bytes received in order are in it; what there is of each subflow. */
export const MPTCP = {
  INFO: 1,
  TCPINFO: 2,
  SUBFLOW_ADDRS: 3,
  INFO_BYTES: 96,
  INFO_BYTES_RECEIVED: 64,
} as const;

/** packet(7) */
export const PACKET = { STATISTICS: 6, AUXDATA: 8, OUTGOING: 4 } as const;
export const TP_STATUS = { VLAN_VALID: 0x10 } as const;

export const MSG = { PEEK: 0x2, WAITALL: 0x100, DONTWAIT: 0x40, NOSIGNAL: 0x4000, TRUNC: 0x20 } as const;
export const SHUT = { WR: 1 } as const;

export const POLL = { IN: 0x1, OUT: 0x4 } as const;

export const CLOCK = { REALTIME: 0, MONOTONIC: 1 } as const;
export const TIMER_ABSTIME = 1;

export const CLONE = { NEWNS: 0x20000, NEWNET: 0x40000000 } as const;

/** sockios.h */
export const SIOCGSKNS = 0x894c;
export const SIOCETHTOOL = 0x8946;
