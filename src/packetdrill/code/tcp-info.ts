/** struct tcp_info of Linux 6.12 by the names of its fields, as code in scripts sees it. */

/** Name and bytes, in order; two bytes of bits come seventh. */
const fields: readonly (readonly [name: string, bytes: 1 | 2 | 4 | 8])[] = (
  [
    [1, 'state ca_state retransmits probes backoff options wscales bits'],
    [
      4,
      'rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans',
    ],
    [8, 'pacing_rate max_pacing_rate bytes_acked bytes_received'],
    [4, 'segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out'],
    [8, 'delivery_rate busy_time rwnd_limited sndbuf_limited'],
    [4, 'delivered delivered_ce'],
    [8, 'bytes_sent bytes_retrans'],
    [4, 'dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash'],
    [2, 'total_rto total_rto_recoveries'],
    [4, 'total_rto_time'],
  ] as const
).flatMap(([bytes, names]) => names.split(' ').map((name) => [name, bytes] as const));

/** `tcpi_NAME` to its number; as many as the kernel wrote. */
export function tcpInfoNames(bytes: Uint8Array): Map<string, number> {
  const at = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names = new Map<string, number>();
  let next = 0;
  for (const [name, size] of fields) {
    if (next + size > bytes.length) break;
    const value =
      size === 1
        ? at.getUint8(next)
        : size === 2
          ? at.getUint16(next, true)
          : size === 4
            ? at.getUint32(next, true)
            : Number(at.getBigUint64(next, true));
    names.set(`tcpi_${name}`, value);
    next += size;
  }
  const wscales = names.get('tcpi_wscales') ?? 0;
  const bits = names.get('tcpi_bits') ?? 0;
  names.set('tcpi_snd_wscale', wscales & 15).set('tcpi_rcv_wscale', wscales >> 4);
  names.set('tcpi_delivery_rate_app_limited', bits & 1).set('tcpi_fastopen_client_fail', (bits >> 1) & 3);
  return names;
}
