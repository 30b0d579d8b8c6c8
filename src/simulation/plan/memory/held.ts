/** What the packets and buffers of a flow hold at most: bandwidth times delay, queues, socket buffers, each as Linux counts it. */

import type { Hijack } from '../../hijack/hijack.ts';
import type { Direction } from '../../links/direction.ts';
import { tcpBuffers } from '../../links/host-tables.ts';
import { capacityOf } from '../../links/tc/capacity.ts';
import type { Plan } from '../plan.ts';
import type { Path } from '../routes/path.ts';
import type { Node } from '../topology.ts';
import type { FlowPlan, TcpOptionsPlan } from '../workloads/plans.ts';

/** Packets that are sent whether they arrive or not. */
export interface Datagrams {
  /** Bytes of payload. */
  readonly size: number;
  readonly intervalNs: number;
  /** The most there are. */
  readonly total: number;
  /** An answer of the same size comes back. */
  readonly answered: boolean;
  readonly isIpv6: boolean;
}

/** Connections of a workload. */
export interface Streams {
  /** Connections at once. */
  readonly count: number;
  /** The most that one of them carries. */
  readonly bytes: number;
  /** What its programs send from. */
  readonly bufferBytes: number;
  /** Connections that linger after their end. */
  readonly timeWait?: number;
}

const MIB = 2 ** 20;
/** A send buffer is more than the window, and a slow start ends at twice what the path holds: measured. */
const WINDOWS = 3;
/** Pages that many short connections of long packets pin. */
const STREAM_BYTES = 0.35 * MIB;
/** What an AQM may hold before it acts. */
const AQM_BYTES = MIB;
/** Longer than any burst of one look, and what a queue without a rate may see. */
const FRAME_BYTES = 1518;

/** Bytes of kernel memory that one packet takes: its data in a block of the allocator (powers of two), and what describes it. */
function packetBytes(data: number): number {
  const HEADROOM = 400;
  const DESCRIPTION = 256;
  return 2 ** Math.ceil(Math.log2(data + HEADROOM)) + DESCRIPTION;
}

/** Both ways of each link on the path, in order. */
const waysOf = (path: Path): readonly Direction[] => path.flatMap(({ there, back }) => [there, back]);

/** Bytes that pings and datagrams hold on their way: in delay lines, and in queues that others fill or they themselves. */
export function heldByDatagrams(datagrams: Datagrams, path: Path, plan: Plan): number {
  const total = Math.min(datagrams.total, plan.durationNs / datagrams.intervalNs);
  const directions = datagrams.answered ? waysOf(path) : path.map(({ there }) => there);
  const packets = directions.reduce(
    (sum, direction) =>
      sum + (linkOf(direction).delayNs + spreadNs(direction)) / datagrams.intervalNs + queued(datagrams, direction),
    0,
  );
  return Math.min(total, packets) * datagramBytes(datagrams, path);
}

/** What the link is at most. */
const linkOf = ({ widest, report }: Direction) => widest ?? report;

/** Twice the jitter: hardly a delay is longer. */
const spreadNs = (direction: Direction): number => 2 * linkOf(direction).jitterNs;

/** Packets of this flow in the queue: as many as come while the queue is emptied once, if it is full. */
function queued({ size, intervalNs, isIpv6 }: Datagrams, direction: Direction): number {
  const { packets, bytes } = capacityOf(direction);
  if (packets === 0) return 0;
  const frame = size + (isIpv6 ? 62 : 42);
  const held = Math.min(packets, bytes / frame);
  const rate = linkOf(direction).rateBps;
  if (rate === undefined) return 0;
  const emptiedNs = (Math.min(bytes, packets * FRAME_BYTES) * 8e9) / rate;
  return Math.min(held, emptiedNs / intervalNs);
}

/** One that is longer than a frame comes in several. */
function datagramBytes({ size, isIpv6 }: Datagrams, path: Path): number {
  const mtu = Math.min(...path.map(({ link }) => Math.min(...link.ports.map((port) => port.mtu))), 65_535);
  const room = Math.max(8, mtu - (isIpv6 ? 48 : 28));
  return Math.ceil(size / room) * packetBytes(Math.min(size, room));
}

/** Bytes that the connections of a workload hold, as TCP accounts for them: at both ends. */
export function heldByTcp(
  { count, bytes }: Streams,
  { from, to, options }: FlowPlan & { readonly options?: TcpOptionsPlan },
  path: Path,
  hijacks: ReadonlyMap<Node, Hijack>,
): number {
  const inPath = pathBytes(path);
  const factor = overheadOf(path);
  const most = 2 * bytes * factor;
  const unbounded = !Number.isFinite(inPath);
  // Where nothing bounds TCP but a buffer without bounds, the kernel's memory does (tcp-memory.ts), and the answer says so.
  const limit = (given: number, usual: number) => (unbounded ? Math.min(given, usual) : given);
  const sending = Math.min(limit(bufferOf(from, 'wmem', hijacks), tcpBuffers.wmem), most);
  const receiving = Math.min(limit(bufferOf(to, 'rmem', hijacks), tcpBuffers.rmem), most);
  if (options?.sndbuf !== undefined)
    return count * Math.min(2 * options.sndbuf, most) + Math.min(count * receiving, inPath * factor);
  const pinned = gsoOn(path) ? count * Math.min(STREAM_BYTES, most) : 0;
  return (
    Math.min(count * sending, pinned + WINDOWS * inPath * factor) +
    // What came out of order waits at the receiver, and is still the sender's too.
    (unbounded ? 0 : Math.min(count * receiving, inPath * factor))
  );
}

/** The third number of tcp_wmem or tcp_rmem, as the host sets it. */
function bufferOf(node: Node, which: 'wmem' | 'rmem', hijacks: ReadonlyMap<Node, Hijack>): number {
  const key = `net.ipv4.tcp_${which}`;
  const own = node.spec.sysctls?.[key];
  const hijacked = hijacks.get(node)?.actions.findLast((action) => action.action === 'sysctl' && action.key === key);
  const text = hijacked?.action === 'sysctl' ? hijacked.value : own;
  const most = Number(
    String(text ?? '')
      .trim()
      .split(/\s+/)[2],
  );
  return Number.isFinite(most) && most > 0 ? most : tcpBuffers[which];
}

const gsoOn = (path: Path): boolean =>
  path.every(({ there }) => there.gsoMaxSegs === undefined || there.gsoMaxSegs > 8);

/** A packet of many segments is described once. */
const overheadOf = (path: Path): number => 1.15 + 1 / Math.min(45, ...path.map(({ there }) => there.gsoMaxSegs ?? 45));

/** What is under way when a path is full, its bandwidth-delay product and its queues; without a rate, any number. */
function pathBytes(path: Path): number {
  const rates = path.flatMap(({ there }) => linkOf(there).rateBps ?? []);
  const rttNs = waysOf(path).reduce((ns, direction) => ns + linkOf(direction).delayNs + linkOf(direction).jitterNs, 0);
  if (rates.length === 0) return rttNs > 0 ? Number.POSITIVE_INFINITY : MIB;
  const queues = path.reduce((sum, { there }) => {
    const { packets, bytes, managed } = capacityOf(there);
    const held = Math.min(bytes, packets * FRAME_BYTES);
    return sum + (managed ? Math.min(held, AQM_BYTES) : held);
  }, 0);
  return (Math.min(...rates) / 8) * (rttNs / 1e9) + queues;
}
