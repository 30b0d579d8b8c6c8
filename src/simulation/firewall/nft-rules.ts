/** Rules in nft's JSON that show each statement and operand: tests compare what we make of them with what nft(8) sends. */

const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const meta = (key: string) => ({ meta: { key } });
const ct = (key: string, dir?: string) => ({ ct: { key, ...(dir !== undefined && { dir }) } });
const prefix = (addr: string, len: number) => ({ prefix: { addr, len } });
const accept = { accept: null };
const drop = { drop: null };
const maxseg = { 'tcp option': { name: 'maxseg', field: 'size' } };

/** What stands in front of every rule. */
export const preamble = [
  { add: { table: { family: 'inet', name: 't' } } },
  {
    add: { chain: { family: 'inet', table: 't', name: 'c', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } },
  },
  { add: { chain: { family: 'inet', table: 't', name: 'other' } } },
  { add: { chain: { family: 'inet', table: 't', name: 'in', type: 'filter', hook: 'input', prio: -5 } } },
  { add: { chain: { family: 'inet', table: 't', name: 'pre', type: 'nat', hook: 'prerouting', prio: -100 } } },
  { add: { chain: { family: 'inet', table: 't', name: 'post', type: 'nat', hook: 'postrouting', prio: 100 } } },
  { add: { counter: { family: 'inet', table: 't', name: 'named' } } },
  { add: { quota: { family: 'inet', table: 't', name: 'month', bytes: 1000000, inv: true } } },
  { add: { limit: { family: 'inet', table: 't', name: 'slow', rate: 10, per: 'minute', burst: 5 } } },
  {
    add: {
      set: {
        family: 'inet',
        table: 't',
        name: 'nets',
        type: 'ipv4_addr',
        flags: ['interval'],
        elem: [prefix('10.0.0.0', 8), '192.168.1.1', { range: ['172.16.0.1', '172.16.0.9'] }],
      },
    },
  },
  {
    add: {
      set: {
        family: 'inet',
        table: 't',
        name: 'seen',
        type: ['ipv4_addr', 'inet_service'],
        flags: ['timeout'],
        timeout: 10,
        size: 100,
      },
    },
  },
  {
    add: {
      map: {
        family: 'inet',
        table: 't',
        name: 'inside',
        type: 'inet_service',
        map: 'ipv4_addr',
        elem: [
          [80, '10.0.0.1'],
          [81, '10.0.0.2'],
        ],
      },
    },
  },
  { add: { map: { family: 'inet', table: 't', name: 'ways', type: 'ipv4_addr', map: 'verdict' } } },
  {
    add: {
      element: {
        family: 'inet',
        table: 't',
        name: 'ways',
        elem: [
          ['10.1.1.1', drop],
          ['10.1.1.2', { jump: { target: 'other' } }],
        ],
      },
    },
  },
] as const;

/** The statements of rules, by the chain they are for. */
export const rules: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  c: [
    [accept],
    [drop],
    [{ jump: { target: 'other' } }],
    [{ goto: { target: 'other' } }],
    [match(ct('state'), ['established', 'related'], 'in'), accept],
    [match(ct('state'), 'invalid', 'in'), drop],
    [match(ct('state'), { set: ['new', 'established'] }), { counter: null }],
    [match(ct('direction'), 'reply'), drop],
    [match(ct('status'), 'dnat', 'in'), accept],
    [match(ct('mark'), 7), accept],
    [match(ct('ip saddr', 'original'), '10.0.0.1'), accept],
    [
      match(meta('l4proto'), 'tcp'),
      match(ct('proto-dst', 'original'), 80),
      match(ct('bytes', 'original'), 1000, '>'),
      drop,
    ],
    [match(meta('iifname'), 'eth0'), match(payload('tcp', 'dport'), 22), { counter: null }, accept],
    [match(meta('oifname'), 'eth*'), drop],
    [match(meta('iif'), 'lo'), accept],
    [match(meta('mark'), 16), accept],
    [match(meta('mark'), { set: [1, 2, 3] }), accept],
    [match(meta('length'), 1000, '>'), drop],
    [match(meta('length'), { range: [100, 200] }), drop],
    [match(meta('l4proto'), 'udp'), drop],
    [match(meta('l4proto'), { set: ['tcp', 'udp'] }), match(payload('th', 'dport'), 53), accept],
    [match(meta('nfproto'), 'ipv6'), drop],
    [match(meta('pkttype'), 'broadcast'), drop],
    [match(payload('ip', 'saddr'), '10.0.0.1', '!='), drop],
    [match(payload('ip', 'saddr'), prefix('10.1.0.0', 16)), drop],
    [match(payload('ip', 'saddr'), prefix('10.8.0.0', 13)), drop],
    [match(payload('ip', 'daddr'), { range: ['10.0.0.1', '10.0.0.9'] }), drop],
    [match(payload('ip', 'daddr'), { range: ['10.0.0.1', '10.0.0.9'] }, '!='), drop],
    [match(payload('ip', 'saddr'), '@nets'), drop],
    [match(payload('ip', 'saddr'), { set: ['1.2.3.4', prefix('10.0.0.0', 8)] }), drop],
    [match(payload('ip', 'saddr'), { set: ['1.2.3.4', '5.6.7.8'] }, '!='), drop],
    [match(payload('ip6', 'saddr'), prefix('fd00::', 64)), drop],
    [match(payload('ip6', 'daddr'), 'fd00::1'), drop],
    [match(payload('ip', 'dscp'), 'ef'), { counter: 'named' }],
    [match(payload('ip', 'ecn'), 'ce'), { counter: null }],
    [match(payload('ip6', 'dscp'), 'cs1'), drop],
    [match(payload('ip', 'ttl'), 5, '<'), drop],
    [match(payload('ip', 'protocol'), 'icmp'), drop],
    [match({ '&': [payload('ip', 'frag-off'), 0x1fff] }, 0, '!='), drop],
    [match(payload('tcp', 'dport'), { range: [1000, 2000] }), accept],
    [match(payload('tcp', 'dport'), { set: [80, 443] }), accept],
    [match(payload('tcp', 'dport'), { set: [{ range: [1, 5] }, 9] }), accept],
    [match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'ack'] }] }, 'syn'), drop],
    [match(payload('udp', 'sport'), 53), match(payload('udp', 'length'), 100, '>='), drop],
    [match(payload('icmp', 'type'), 'echo-request'), { limit: { rate: 5, per: 'second', burst: 3 } }, accept],
    [match(payload('icmpv6', 'type'), 'packet-too-big'), drop],
    [
      match(
        { concat: [payload('ip', 'saddr'), payload('tcp', 'dport')] },
        { set: [{ concat: ['1.2.3.4', 80] }, { concat: ['5.6.7.8', 81] }] },
      ),
      accept,
    ],
    [match(maxseg, 1200, '>'), drop],
    [match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, false), drop],
    [match({ numgen: { mode: 'random', mod: 2, offset: 0 } }, 0), drop],
    [{ limit: { rate: 10, rate_unit: 'kbytes', per: 'second', inv: true } }, drop],
    [{ limit: 'slow' }, accept],
    [{ quota: { val: 10, val_unit: 'mbytes', inv: true } }, drop],
    [{ quota: 'month' }, drop],
    [{ 'ct count': { val: 10, inv: true } }, drop],
    [{ mangle: { key: meta('mark'), value: 32 } }],
    [{ mangle: { key: ct('mark'), value: meta('mark') } }],
    [{ mangle: { key: meta('mark'), value: { '|': [meta('mark'), 16] } } }],
    [{ mangle: { key: payload('ip', 'dscp'), value: 'cs1' } }],
    [{ mangle: { key: payload('ip6', 'dscp'), value: 'cs1' } }],
    [{ mangle: { key: payload('ip', 'ttl'), value: 64 } }],
    [{ mangle: { key: payload('tcp', 'dport'), value: 8080 } }],
    [
      match({ '&': [payload('tcp', 'flags'), 'syn'] }, 'syn'),
      { mangle: { key: maxseg, value: { rt: { key: 'mtu' } } } },
    ],
    [{ mangle: { key: maxseg, value: 1200 } }],
    [
      {
        vmap: {
          key: payload('tcp', 'dport'),
          data: {
            set: [
              [22, accept],
              [23, drop],
              [24, { jump: { target: 'other' } }],
            ],
          },
        },
      },
    ],
    [{ vmap: { key: payload('ip', 'saddr'), data: '@ways' } }],
    [{ set: { op: 'add', elem: { concat: [payload('ip', 'saddr'), payload('tcp', 'dport')] }, set: '@seen' } }],
    [
      {
        set: {
          op: 'update',
          elem: { elem: { val: { concat: [payload('ip', 'saddr'), payload('tcp', 'dport')] }, timeout: 5 } },
          set: '@seen',
        },
      },
    ],
    [{ log: { prefix: 'hi ', level: 'debug' } }],
  ],
  in: [
    [{ reject: null }],
    [{ reject: { type: 'tcp reset' } }],
    [{ reject: { type: 'icmp', expr: 'admin-prohibited' } }],
    [{ reject: { type: 'icmpx', expr: 'no-route' } }],
  ],
  pre: [
    [{ notrack: null }],
    [{ dnat: { family: 'ip', addr: '10.0.0.5' } }],
    [match(payload('tcp', 'dport'), 80), { dnat: { family: 'ip', addr: '10.0.0.5', port: 8080 } }],
    [{ dnat: { family: 'ip', addr: { range: ['10.0.0.5', '10.0.0.9'] } } }],
    [
      {
        dnat: {
          family: 'ip',
          addr: {
            map: {
              key: payload('tcp', 'dport'),
              data: {
                set: [
                  [80, '10.0.0.1'],
                  [81, '10.0.0.2'],
                ],
              },
            },
          },
        },
      },
    ],
    [{ dnat: { family: 'ip', addr: { map: { key: payload('tcp', 'dport'), data: '@inside' } } } }],
    [match(payload('udp', 'dport'), 5), { redirect: { port: 8080 } }],
  ],
  post: [
    [match(meta('oifname'), 'eth1'), { masquerade: null }],
    [{ masquerade: { flags: 'random' } }],
    [match(payload('udp', 'sport'), 1), { masquerade: { port: { range: [1000, 2000] } } }],
    [{ snat: { family: 'ip', addr: '1.2.3.4', flags: 'persistent' } }],
    [{ snat: { family: 'ip6', addr: 'fd00::9' } }],
  ],
};

/** Each rule as a command of its own. */
export const commands = Object.entries(rules).flatMap(([chain, list]) =>
  list.map((expr) => ({ add: { rule: { family: 'inet', table: 't', chain, expr } } })),
);
