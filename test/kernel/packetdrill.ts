/** Plays a script of packetdrill on the real kernel. */

import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../src/node/host.ts';
import { ipVersions, type PacketdrillRequest, packetdrillJobs } from '../../src/packetdrill/packetdrill.ts';
import { kernelModule, snapshot } from './restored.ts';

const jobs = packetdrillJobs({
  newKernel: async (options) => restore(freshMachine(kernelModule, snapshot, options.memoryMib), snapshot, options),
  host: nodeHost,
});

/** With all versions of IP. */
export const play = (script: string, more: Partial<PacketdrillRequest> = {}) =>
  jobs.run({
    name: 'test.pkt',
    script,
    ipVersions,
    defines: {},
    options: {},
    files: () => undefined,
    seed: '1',
    deadlineMs: 60_000,
    ...more,
  });

/** A connection that was accepted: descriptor 4. */
export const server = `\`./defaults.sh\`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
`;
