/** Types and codes of ICMP by the words of a script, for both versions of IP. */

type Codes = Readonly<Record<string, number>>;

const v4: Readonly<Record<string, readonly [type: number, codes: Codes]>> = {
  echo_reply: [0, {}],
  unreachable: [
    3,
    {
      net_unreachable: 0,
      host_unreachable: 1,
      protocol_unreachable: 2,
      port_unreachable: 3,
      frag_needed: 4,
      source_route_failed: 5,
      net_unknown: 6,
      host_unknown: 7,
      source_host_isolated: 8,
      net_prohibited: 9,
      host_prohibited: 10,
      net_unreachable_for_tos: 11,
      host_unreachable_for_tos: 12,
      packet_filtered: 13,
      precedence_violation: 14,
      precedence_cutoff: 15,
    },
  ],
  source_quench: [4, {}],
  redirect: [5, { redirect_for_net: 0, redirect_for_host: 1 }],
  echo_request: [8, {}],
  time_exceeded: [11, { ttl_exceeded: 0, reassembly_time_exceeded: 1 }],
  parameter_problem: [12, {}],
};

const v6: typeof v4 = {
  unreachable: [
    1,
    {
      no_route: 0,
      net_unreachable: 0,
      admin_prohibited: 1,
      not_neighbour: 2,
      address_unreachable: 3,
      host_unreachable: 3,
      port_unreachable: 4,
    },
  ],
  packet_too_big: [2, {}],
  time_exceeded: [3, { ttl_exceeded: 0, reassembly_time_exceeded: 1 }],
  parameter_problem: [4, { bad_header: 0, unknown_next_header: 1, unknown_option: 2 }],
  echo_request: [128, {}],
  echo_reply: [129, {}],
};

/** Numbers or words; undefined for what that version of IP does not have. */
export function icmpNumbers(
  version: 4 | 6,
  type: string,
  code: string | undefined,
): readonly [type: number, code: number] | undefined {
  const row = (version === 4 ? v4 : v6)[type];
  const number = row ? row[0] : /^\d+$/.test(type) ? Number(type) : undefined;
  const codeNumber = code === undefined ? 0 : /^\d+$/.test(code) ? Number(code) : row?.[1][code];
  return number === undefined || codeNumber === undefined ? undefined : [number, codeNumber];
}
