/** Numbers of the socket calls, by their Linux names: SO.RCVBUF is SO_RCVBUF. */

export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;

export const SOL = { SOCKET: 1, IP: 0, TCP: 6, UDP: 17, IPV6: 41, PACKET: 263, MPTCP: 284 } as const;

/** asm-generic/socket.h; the names of times are those with 64-bit seconds. */
export const SO = {
  REUSEADDR: 2,
  ERROR: 4,
  BROADCAST: 6,
  SNDBUF: 7,
  RCVBUF: 8,
  LINGER: 13,
  RCVLOWAT: 18,
  BINDTODEVICE: 25,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  MAX_PACING_RATE: 47,
  TIMESTAMPNS_NEW: 64,
  RCVTIMEO_NEW: 66,
  SNDTIMEO_NEW: 67,
} as const;

/** tcp(7) */
export const TCP = { NODELAY: 1, MAXSEG: 2, INFO: 11, CONGESTION: 13, NOTSENT_LOWAT: 25, CC_INFO: 26 } as const;

/** packet(7) */
export const PACKET = { STATISTICS: 6, AUXDATA: 8, IGNORE_OUTGOING: 23, OUTGOING: 4, QDISC_BYPASS: 20 } as const;
export const TP_STATUS = { VLAN_VALID: 0x10, VLAN_TPID_VALID: 0x40 } as const;

export const MSG = { DONTWAIT: 0x40, NOSIGNAL: 0x4000, TRUNC: 0x20, WAITFORONE: 0x10000, PEEK: 2 } as const;
export const SHUT = { RD: 0, WR: 1, RDWR: 2 } as const;

export const EPOLL = {
  IN: 0x1,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  RDHUP: 0x2000,
  CTL_ADD: 1,
  CTL_DEL: 2,
  CTL_MOD: 3,
} as const;
export const POLL = { IN: 0x1, OUT: 0x4, ERR: 0x8 } as const;

export const CLOCK = { REALTIME: 0, MONOTONIC: 1 } as const;
export const TIMER_ABSTIME = 1;

export const CLONE = { NEWNS: 0x20000, NEWNET: 0x40000000 } as const;

/** sockios.h */
export const SIOCGSKNS = 0x894c;
export const SIOCETHTOOL = 0x8946;
