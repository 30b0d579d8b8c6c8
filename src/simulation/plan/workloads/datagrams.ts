/** Workloads of datagrams: of UDP, echoes, and bursts, which may be of TCP as well. */

import type { Place } from '../issue.ts';
import type { OnOffWorkload, PingWorkload, UdpWorkload } from '../request.ts';
import { readRate, readSize, readTime } from '../words.ts';
import type { FlowPlan, OnOffPlan, PingPlan, UdpPlan } from './plans.ts';
import { planTcpOptions } from './tcp-options.ts';
import { given, readCount } from './values.ts';

const udpHeaders = { ipv4: 28, ipv6: 48 } as const;

const ethernetHeader = 14;

const smallestUdp = 16;

/** Virtual time that one datagram takes its program at least: measured, for any size and any number of programs. */
const LEAST_SEND_NS = 1220;

/** A rate counts frames as the link does: with Ethernet, IP and UDP headers. */
function udpInterval(place: Place, rate: string | undefined, size: number, flow: FlowPlan): number {
  const bits = readRate(place.at('rate'), rate);
  if (bits === undefined) return 1e9;
  const frameBits = (size + udpHeaders[flow.address.family] + ethernetHeader) * 8;
  const intervalNs = Math.round((frameBits / bits) * 1e9);
  if (intervalNs >= 1 && intervalNs < LEAST_SEND_NS)
    place
      .at('rate')
      .warn(
        `a program sends a datagram every ${LEAST_SEND_NS / 1000} µs at most: of ${size} bytes these are ${Math.round((frameBits * 1e3) / LEAST_SEND_NS)} Mbit/s. Larger datagrams or several workloads send more`,
      );
  if (bits > 0 && intervalNs >= 1) return intervalNs;
  place.at('rate').fail('impossible-rate', `${rate} is no rate to send at`);
  return 1e9;
}

function udpSize(place: Place, text: string | undefined): number {
  const size = readSize(place.at('size'), text) ?? 1448;
  if (size < smallestUdp || size > 65_000)
    place.at('size').fail('bad-option', `a datagram has ${smallestUdp} to 65000 bytes: it carries a number and a time`);
  return size;
}

export function planUdp(place: Place, spec: UdpWorkload, flow: FlowPlan): UdpPlan {
  const size = udpSize(place, spec.size);
  const durationNs = readTime(place.at('duration'), spec.duration);
  const count = readCount(place.at('count'), spec.count, 1e9);
  return {
    type: 'udp',
    ...flow,
    size,
    intervalNs: udpInterval(place, spec.rate, size, flow),
    ...given({ durationNs, count }),
  };
}

export function planPing(place: Place, spec: PingWorkload, flow: FlowPlan): PingPlan {
  const size = readSize(place.at('size'), spec.size) ?? 56;
  if (size > 60_000) place.at('size').fail('bad-option', 'a ping has 60000 bytes at most');
  return {
    type: 'ping',
    ...flow,
    size,
    count: readCount(place.at('count'), spec.count, 1e6) ?? 5,
    intervalNs: readTime(place.at('interval'), spec.interval) ?? 1e9,
    timeoutNs: readTime(place.at('timeout'), spec.timeout) ?? 10e9,
  };
}

/** Shorter ones would be too many for any deadline. */
const leastBurstNs = 1000;

export function planOnOff(place: Place, spec: OnOffWorkload, flow: FlowPlan): OnOffPlan {
  const isUdp = (spec.protocol ?? 'tcp') === 'udp';
  if (isUdp && spec.rate === undefined) place.fail('bad-option', 'UDP needs a rate');
  if (!isUdp && spec.rate !== undefined) place.at('rate').fail('bad-option', 'TCP finds its own rate');
  const size = udpSize(place, spec.size);
  const onNs = readTime(place.at('on'), spec.on) ?? 1e9;
  if (onNs < leastBurstNs) place.at('on').fail('bad-option', 'a burst lasts 1us at least');
  return {
    type: 'on-off',
    ...flow,
    onNs,
    offNs: readTime(place.at('off'), spec.off) ?? 1e9,
    exponential: spec.distribution === 'exponential',
    size,
    ...(isUdp && { intervalNs: udpInterval(place, spec.rate, size, flow) }),
    ...given({ durationNs: readTime(place.at('duration'), spec.duration) }),
    // Of datagrams it is what they say themselves (isOfDatagrams).
    options: planTcpOptions(place, isUdp ? withoutEcn(spec) : spec),
  };
}

function withoutEcn({ ecn: _, ...spec }: OnOffWorkload): OnOffWorkload {
  return spec;
}
