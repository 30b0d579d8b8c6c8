/** Kinds that have a kernel of their own for as long as they last: batches, programs, simulations, packetdrill. */

import { asLines, busy, call, json, type Kinds, LINES, slow } from './kind.ts';

const network = {
  duration: '5s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '50mbit', delay: '10ms' }],
  workloads: [{ type: 'tcp', from: 'a', to: 'b', duration: '5s' }],
};
const sweep = { ...network, duration: '2s', sweep: { 'links[0].delay': ['10ms', '20ms', '40ms', '80ms'] } };

const connection = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+100 < P. 1:1001(1000) ack 1 win 257
+0 > . 1:1(0) ack 1001
`;

/** Longer than anything here waits: what is still there then was not taken back. */
const LONG_MS = 60_000;
const sh = (script: string, more: object = {}) => json('run', '/v1/run', { argv: ['sh', '-c', script], ...more });

export const kernels = (image: string): Kinds => ({
  batch: json('postSyscalls', '/v1/syscalls', { calls: busy }),
  'batch that waits': json('postSyscalls', '/v1/syscalls', { clock: 'wall', calls: slow }),
  'batch that never ends': json('postSyscalls', '/v1/syscalls', {
    clock: 'wall',
    deadline_ms: LONG_MS,
    calls: [call('pause')],
  }),
  'batch of lines': {
    operation: 'postSyscalls',
    method: 'POST',
    path: '/v1/syscalls',
    headers: { 'content-type': LINES },
    body: `${JSON.stringify({ clock: 'wall' })}\n${busy.map((one) => `${JSON.stringify(one)}\n`).join('')}`,
  },
  program: sh('i=0; while [ $i -lt 300 ]; do i=$((i+1)); cat /proc/uptime; done'),
  'program on a stored disk': json('run', '/v1/run', {
    argv: ['sh', '-c', 'find /mnt | head -n 500; echo more > /mnt/cut'],
    disks: [{ image, write: true, at: '/mnt' }],
  }),
  'program that writes for ever': asLines(sh('while :; do cat /proc/filesystems; done', { deadline_ms: LONG_MS })),
  'program that sleeps in virtual time': sh('while :; do sleep 1; done', { deadline_ms: LONG_MS }),
  'program that sleeps in virtual time, as lines': asLines(sh('while :; do sleep 1; done', { deadline_ms: LONG_MS })),
  'program that makes others': sh('while :; do cat /dev/null; done', { deadline_ms: LONG_MS }),
  'program that waits': sh('sleep 60', { clock: 'wall', deadline_ms: LONG_MS }),
  simulation: json('postSimulations', '/v1/simulations', network),
  'simulation as lines': asLines(json('postSimulations', '/v1/simulations', network)),
  'simulation with a capture': {
    ...json('postSimulations', '/v1/simulations?capture=a', network),
    headers: { 'content-type': 'application/json', accept: 'multipart/form-data' },
  },
  sweep: json('postSimulationSweep', '/v1/simulations/sweep', sweep),
  'sweep as lines': asLines(json('postSimulationSweep', '/v1/simulations/sweep', sweep)),
  packetdrill: json('postPacketdrill', '/v1/packetdrill', { script: connection, ip_versions: ['ipv4', 'ipv6'] }),
});
