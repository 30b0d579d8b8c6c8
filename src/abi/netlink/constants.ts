/** Numbers of the netlink families we speak, by their Linux names: RTM.NEWLINK is RTM_NEWLINK. */

export const AF = { UNSPEC: 0, INET: 2, BRIDGE: 7, INET6: 10, NETLINK: 16, PACKET: 17 } as const;

/** netlink(7): protocols of an AF_NETLINK socket, and its options at SOL_NETLINK. */
export const NETLINK = {
  ROUTE: 0,
  SOCK_DIAG: 4,
  GENERIC: 16,
  CAP_ACK: 10,
  EXT_ACK: 11,
} as const;
export const SOL_NETLINK = 270;

export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

export const NLMSG = { ERROR: 2, DONE: 3 } as const;
export const NLMSGERR_ATTR = { MSG: 1, OFFS: 2 } as const;
export const NLA_F = { NESTED: 0x8000, NET_BYTEORDER: 0x4000 } as const;

/** rtnetlink(7) message types. */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
  NEWNEIGH: 28,
  GETNEIGH: 30,
  NEWRULE: 32,
  GETRULE: 34,
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTCLASS: 40,
  GETTCLASS: 42,
  DELADDR: 21,
  DELROUTE: 25,
  NEWTFILTER: 44,
  DELTFILTER: 45,
} as const;

/** netdevice(7) flags. */
export const IFF = {
  UP: 0x1,
  NOARP: 0x80,
} as const;

/** include/uapi/linux/if_link.h */
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  QDISC: 6,
  MASTER: 10,
  TXQLEN: 13,
  LINKINFO: 18,
  NET_NS_PID: 19,
  STATS64: 23,
  AF_SPEC: 26,
  NET_NS_FD: 28,
  NUM_TX_QUEUES: 31,
  GSO_MAX_SEGS: 40,
  GSO_MAX_SIZE: 41,
} as const;
export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
export const VETH_INFO = { PEER: 1 } as const;
export const IFLA_VLAN = { ID: 1 } as const;
export const IFLA_BR = {
  AGEING_TIME: 4,
  STP_STATE: 5,
  VLAN_FILTERING: 7,
  MCAST_SNOOPING: 23,
} as const;
export const IFLA_BRIDGE = { FLAGS: 0, VLAN_INFO: 2 } as const;
export const BRIDGE_VLAN_INFO = { PVID: 2, UNTAGGED: 4 } as const;

/** include/uapi/linux/if_addr.h */
export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const;
export const IFA_F = { NODAD: 0x2 } as const;

/** include/uapi/linux/rtnetlink.h */
export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
} as const;
export const RTAX = { MTU: 2, INITCWND: 11 } as const;
export const RTN = { UNICAST: 1, LOCAL: 2, BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8 } as const;
export const RTPROT = { BOOT: 3 } as const;
export const RT_SCOPE = { NOWHERE: 255, HOST: 254, UNIVERSE: 0, LINK: 253 } as const;
export const RT_TABLE = { MAIN: 254, LOCAL: 255 } as const;
export const FRA = { SRC: 2, IIFNAME: 3, PRIORITY: 6, FWMARK: 10, TABLE: 15, L3MDEV: 19 } as const;
export const FR_ACT_TO_TBL = 1;

/** include/uapi/linux/neighbour.h */
export const NDA = { DST: 1, LLADDR: 2, VLAN: 5 } as const;
export const NTF = { MASTER: 0x4 } as const;
export const NUD = {
  INCOMPLETE: 0x1,
  REACHABLE: 0x2,
  STALE: 0x4,
  DELAY: 0x8,
  PROBE: 0x10,
  FAILED: 0x20,
  NOARP: 0x40,
  PERMANENT: 0x80,
} as const;

/** Traffic control: rtnetlink.h, gen_stats.h, pkt_sched.h, pkt_cls.h. */
export const TCA = { KIND: 1, OPTIONS: 2, STATS: 3, STATS2: 7 } as const;
export const TCA_STATS = { BASIC: 1, QUEUE: 3, APP: 4, PKT64: 8 } as const;
export const TC_H = {
  ROOT: 0xffffffff,
  INGRESS: 0xfffffff1,
} as const;
export const TC_LINKLAYER_ETHERNET = 1;
export const TCA_TBF = { PARMS: 1, RATE64: 4, PRATE64: 5, BURST: 6, PBURST: 7 } as const;
export const TCA_HTB = { PARMS: 1, INIT: 2, RATE64: 6, CEIL64: 7 } as const;
export const TCA_RED = { PARMS: 1, STAB: 2, MAX_P: 3, FLAGS: 4 } as const;
export const TCA_NETEM = {
  CORR: 1,
  DELAY_DIST: 2,
  REORDER: 3,
  CORRUPT: 4,
  LOSS: 5,
  RATE: 6,
  ECN: 7,
  RATE64: 8,
  LATENCY64: 10,
  JITTER64: 11,
  SLOT: 12,
  SLOT_DIST: 13,
  PRNG_SEED: 14,
} as const;
export const NETEM_LOSS = { GI: 1, GE: 2 } as const;
export const TCA_CODEL = { TARGET: 1, LIMIT: 2, INTERVAL: 3, ECN: 4, CE_THRESHOLD: 5 } as const;
export const TCA_FQ_CODEL = {
  TARGET: 1,
  LIMIT: 2,
  INTERVAL: 3,
  ECN: 4,
  FLOWS: 5,
  QUANTUM: 6,
  CE_THRESHOLD: 7,
  DROP_BATCH_SIZE: 8,
  MEMORY_LIMIT: 9,
} as const;
export const TCA_FQ = {
  PLIMIT: 1,
  FLOW_PLIMIT: 2,
  QUANTUM: 3,
  INITIAL_QUANTUM: 4,
  RATE_ENABLE: 5,
  FLOW_MAX_RATE: 7,
  FLOW_REFILL_DELAY: 9,
  CE_THRESHOLD: 12,
} as const;
export const TCA_PIE = {
  TARGET: 1,
  LIMIT: 2,
  TUPDATE: 3,
  ALPHA: 4,
  BETA: 5,
  ECN: 6,
  BYTEMODE: 7,
} as const;
export const TCA_FQ_PIE = {
  LIMIT: 1,
  FLOWS: 2,
  TARGET: 3,
  TUPDATE: 4,
  ALPHA: 5,
  BETA: 6,
  QUANTUM: 7,
  MEMORY_LIMIT: 8,
  ECN: 10,
} as const;
export const TCA_HHF = {
  BACKLOG_LIMIT: 1,
  QUANTUM: 2,
  HH_FLOWS_LIMIT: 3,
  RESET_TIMEOUT: 4,
  ADMIT_BYTES: 5,
  EVICT_TIMEOUT: 6,
  NON_HH_WEIGHT: 7,
} as const;
export const TCA_CAKE = {
  BASE_RATE64: 2,
  DIFFSERV_MODE: 3,
  ATM: 4,
  FLOW_MODE: 5,
  OVERHEAD: 6,
  RTT: 7,
  TARGET: 8,
  AUTORATE: 9,
  MEMORY: 10,
  NAT: 11,
  WASH: 13,
  MPU: 14,
  INGRESS: 15,
  ACK_FILTER: 16,
  SPLIT_GSO: 17,
  FWMARK: 18,
} as const;
export const TCA_CAKE_STATS = { CAPACITY_ESTIMATE64: 2, MEMORY_LIMIT: 3, MEMORY_USED: 4, TIN_STATS: 10 } as const;
export const TCA_CAKE_TIN_STATS = {
  SENT_PACKETS: 2,
  SENT_BYTES64: 3,
  DROPPED_PACKETS: 4,
  DROPPED_BYTES64: 5,
  ACKS_DROPPED_PACKETS: 6,
  ECN_MARKED_PACKETS: 8,
  BACKLOG_PACKETS: 10,
  BACKLOG_BYTES: 11,
  THRESHOLD_RATE64: 12,
  TARGET_US: 13,
  INTERVAL_US: 14,
  PEAK_DELAY_US: 18,
  AVG_DELAY_US: 19,
  BASE_DELAY_US: 20,
  SPARSE_FLOWS: 21,
  BULK_FLOWS: 22,
} as const;
export const TCA_MATCHALL = { CLASSID: 1, ACT: 2 } as const;
export const TCA_FLOWER = {
  CLASSID: 1,
  ACT: 3,
  KEY_ETH_TYPE: 8,
  KEY_IP_PROTO: 9,
  KEY_IPV4_SRC: 10,
  KEY_IPV4_SRC_MASK: 11,
  KEY_IPV4_DST: 12,
  KEY_IPV4_DST_MASK: 13,
  KEY_IPV6_SRC: 14,
  KEY_IPV6_SRC_MASK: 15,
  KEY_IPV6_DST: 16,
  KEY_IPV6_DST_MASK: 17,
  KEY_TCP_SRC: 18,
  KEY_TCP_DST: 19,
  KEY_UDP_SRC: 20,
  KEY_UDP_DST: 21,
  KEY_IP_TOS: 73,
  KEY_IP_TOS_MASK: 74,
} as const;
export const TCA_ACT = { KIND: 1, OPTIONS: 2 } as const;
export const TCA_MIRRED = { PARMS: 2 } as const;
export const TCA_SKBEDIT = { PARMS: 2, PRIORITY: 3 } as const;
export const TCA_EGRESS = { REDIR: 1, MIRROR: 2 } as const;
/** UNSPEC: the next filter is asked. */
export const TC_ACT = { UNSPEC: -1, PIPE: 3, STOLEN: 4 } as const;

export const ETH_P = { ALL: 0x0003, IP: 0x0800, '8021Q': 0x8100, IPV6: 0x86dd } as const;
export const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, MPTCP: 262 } as const;

/** sock_diag(7) */
export const SOCK_DIAG_BY_FAMILY = 20;
export const INET_DIAG = {
  MEMINFO: 1,
  INFO: 2,
  VEGASINFO: 3,
  CONG: 4,
  DCTCPINFO: 9,
  BBRINFO: 16,
} as const;
/** tcp_states.h, in order; the first state is 1. */
export const tcpStates = [
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'NEW-SYN-RECV',
] as const;
