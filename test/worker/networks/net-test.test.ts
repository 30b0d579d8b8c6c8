/**
 * LKL's net-test, a test for each of its backends: an ICMP echo from a raw socket, poll for a second, and its reply.
 *
 * | backend  | here                                                                                              |
 * |----------|---------------------------------------------------------------------------------------------------|
 * | loopback | a host by itself                                                                                  |
 * | pipe     | two hosts and a link: two stacks that have nothing but each other                                 |
 * | tap      | the same as a hijack object has it: the host at the other end is the machine below                |
 * | raw      | no meaning: it puts LKL on an interface of the machine, and a Worker has none; DHCP falls with it |
 * | macvtap  | no meaning, for the same reason                                                                   |
 * | dpdk     | no meaning: there is no network card to be driven                                                 |
 * | wintap   | no meaning: there is no Windows below                                                             |
 *
 * The hijack object's types raw, macvtap, dpdk and vde are taken all the same, as links: see test/kernel/hijack.test.ts.
 */

import { expect, it } from 'vitest';
import { request } from '../harness.ts';

const ICMP_ECHOREPLY = 0;
const ICMP_ECHO = 8;
/** Without options. */
const IP_HEADER_BYTES = 20;

const receive = { call: 'recvfrom', args: [{ ref: 's' }, { out: 32 }, 32, 'MSG_DONTWAIT', null, null] };
const echo = (address: string) => [
  { call: 'socket', args: ['AF_INET', 'SOCK_RAW', 'IPPROTO_ICMP'], as: 's' },
  {
    call: 'sendto',
    // Type, code, checksum, id, sequence.
    args: [{ ref: 's' }, { hex: '0800f7ff00000000' }, 8, 0, { struct: 'sockaddr_in', sin_addr: address }, 16],
  },
  { call: 'poll', args: [[{ fd: { ref: 's' }, events: 'POLLIN' }], 1, 1000] },
  receive,
  receive,
];

interface CallResult {
  readonly ret: number;
  readonly errno?: string;
  readonly out?: { readonly base64: string };
}

/** Types of the ICMP messages that came within the second, if poll saw any. */
async function netTest(network: object, destination: string): Promise<(number | undefined)[]> {
  const response = await request('/v1/simulations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...network, workloads: [{ type: 'syscalls', on: 'lkl', batch: echo(destination) }] }),
  });
  const { flows } = (await response.json()) as {
    readonly flows: readonly { readonly result: { readonly results: readonly CallResult[] } }[];
  };
  const [, sent, polled, ...received] = flows[0]?.result.results ?? [];
  expect(sent?.ret).toBe(8);
  if (polled?.ret === 0) return [];
  expect(polled?.ret).toBe(1);
  return received
    .filter(({ errno }) => errno !== 'EAGAIN')
    .map(({ out }) => atob(out?.base64 ?? '').charCodeAt(IP_HEADER_BYTES));
}

it('net-test --dst 127.0.0.1', async () => {
  // A raw socket gets both: what goes out on the loopback comes in by it.
  expect(await netTest({ hosts: { lkl: {} }, links: [] }, '127.0.0.1')).toEqual([ICMP_ECHO, ICMP_ECHOREPLY]);
});

it('net-test --backend pipe', async () => {
  const network = {
    hosts: {
      lkl: { interfaces: { eth0: { addresses: ['192.168.113.2/24'] } } },
      host: { interfaces: { eth0: { addresses: ['192.168.113.1/24'] } } },
    },
    links: [{ endpoints: ['lkl', 'host'], delay: '10ms' }],
  };
  expect(await netTest(network, '192.168.113.1')).toEqual([ICMP_ECHOREPLY]);
});

it('net-test --backend tap', async () => {
  const tap = { type: 'tap', param: 'lkl_test_tap', ip: '192.168.113.2', masklen: '24' };
  const network = {
    hosts: { lkl: { hijack: { interfaces: [tap] } }, host: {} },
    links: [{ endpoints: ['lkl', 'host'] }],
  };
  expect(await netTest(network, '192.168.113.1')).toEqual([ICMP_ECHOREPLY]);
});

it('nobody answers for an address that is not there', async () => {
  const network = { hosts: { lkl: {}, host: {} }, links: [{ endpoints: ['lkl', 'host'], subnet: '192.168.113.0/24' }] };
  expect(await netTest(network, '192.168.113.77')).toEqual([]);
});
