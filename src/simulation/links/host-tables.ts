/** What Linux sizes by its memory at boot, as a machine of 8 GiB has it: neither hosts nor programs are to feel that their kernel is small. */

/** What tcp_wmem and tcp_rmem allow at most, where a host says nothing else. */
export const tcpBuffers = { wmem: 4_194_304, rmem: 6_291_456 } as const;

/** One bucket for 128 KiB of memory: alloc_large_system_hash() in tcp_init(), with 8 GiB. */
const ESTABLISHED_BUCKETS = 65_536;

/** Set once for the whole kernel, whatever runs on it, before any namespace. */
export const kernelTables: Readonly<Record<string, string>> = {
  'user.max_net_namespaces': '100000',
  'net.ipv4.tcp_max_orphans': `${ESTABLISHED_BUCKETS / 2}`,
  'net.core.rmem_default': '212992',
  'net.core.wmem_default': '212992',
  'net.core.rmem_max': '212992',
  'net.core.wmem_max': '212992',
  'net.ipv4.neigh.default.unres_qlen_bytes': '212992',
  'net.ipv6.neigh.default.unres_qlen_bytes': '212992',
};

/** The same where it plays for many hosts: inherited by their namespaces or shared by all. */
export const sharedSysctls: Readonly<Record<string, string>> = {
  ...kernelTables,
  'kernel.threads-max': '100000',
  'net.ipv4.tcp_rmem': `4096 131072 ${tcpBuffers.rmem}`,
  'net.ipv4.tcp_wmem': `4096 16384 ${tcpBuffers.wmem}`,
  // In pages, and far more than there is. TCP's are tcp-memory.ts.
  'net.ipv4.udp_mem': '1048576 1048576 1048576',
  // All hosts share one backlog of packets that are between two devices, and one table of neighbours.
  'net.core.netdev_max_backlog': '1000000',
  ...Object.fromEntries(
    ['ipv4', 'ipv6'].flatMap((family) =>
      [1, 2, 3].map((n) => [`net.${family}.neigh.default.gc_thresh${n}`, '1000000']),
    ),
  ),
};

/** Set once where hosts have firewalls: nf_conntrack_init_start() with more than 4 GiB. */
export const trackingSysctls: Readonly<Record<string, string>> = {
  'net.netfilter.nf_conntrack_buckets': '65536',
  'net.netfilter.nf_conntrack_max': '262144',
};

/** Set in each namespace: Linux derives them from its table of established connections. */
export const ownSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.tcp_max_tw_buckets': `${ESTABLISHED_BUCKETS / 2}`,
  'net.ipv4.tcp_max_syn_backlog': `${ESTABLISHED_BUCKETS / 128}`,
};
