/**
 * A network here and on this machine's own kernel, side by side: goodput and round trips under load, as root.
 *
 *   node scripts/conformance/network.ts [--seconds N]
 *
 * a ═ r ═ b: three namespaces and two cables; r's token bucket towards b is the bottleneck, as it is the link's in the simulation.
 * No netem, as machines may lack it: the round trip is the queue's. Real clocks and CPUs are noisy, hence the tolerances.
 */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { embeddedWorker } from '../../test/embedded/embedded-worker.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } });
const seconds = Number(values.seconds);
const run = promisify(execFile);
const program = fileURLToPath(new URL('native_network.py', import.meta.url));

interface Case {
  readonly mbit: number;
  readonly congestion: string;
  /** What waits at the bottleneck, and its limit in tc's words for that kind. */
  readonly queue: { readonly kind: 'bfifo' | 'pfifo'; readonly limit: string | number };
  /** By how much round trips may differ beside the tolerance. */
  readonly moreMs?: number;
}

interface Measured {
  readonly goodputBps: number;
  readonly rttMs: number;
}

const cases: readonly Case[] = [
  { mbit: 2, congestion: 'cubic', queue: { kind: 'bfifo', limit: '32000' } },
  { mbit: 10, congestion: 'reno', queue: { kind: 'bfifo', limit: '64000' } },
  { mbit: 10, congestion: 'cubic', queue: { kind: 'bfifo', limit: '64000' } },
  { mbit: 10, congestion: 'cubic', queue: { kind: 'pfifo', limit: 100 } },
  // BBR goes by the shortest round trip: without any delay that is how soon processes get their turn, which is not simulated.
  { mbit: 10, congestion: 'bbr', queue: { kind: 'bfifo', limit: '256000' }, moreMs: 5 },
  { mbit: 50, congestion: 'cubic', queue: { kind: 'bfifo', limit: '256000' } },
];
/** Of the native value; round trips a millisecond more, for processes that wait for their turn. */
const tolerance = { goodput: 0.03, rtt: 0.2, rttMs: 1 } as const;
/** Two full frames: as the plan has it for these rates, where a millisecond's worth is not more. */
const burstOf = ({ mbit }: Case): number => Math.max(3028, Math.ceil((mbit * 1e6) / 8 / 1000));
/** While the transfer runs. */
const pings = { forS: seconds - 2, intervalS: 0.05, startS: 1 } as const;
const address = '10.77.2.2';

async function simulated(one: Case, base: URL): Promise<Measured> {
  const { mbit, congestion, queue } = one;
  const answer = await fetch(new URL('v1/simulations', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      duration: `${seconds}s`,
      families: ['ipv4'],
      hosts: { a: {}, b: {} },
      routers: { r: {} },
      links: [
        { endpoints: ['a', 'r'] },
        { endpoints: ['r', 'b'], forward: { rate: `${mbit}mbit`, burst: `${burstOf(one)}`, queue } },
      ],
      workloads: [
        { type: 'tcp', from: 'a', to: 'b', congestion },
        {
          type: 'ping',
          from: 'a',
          to: 'b',
          start: `${pings.startS}s`,
          count: Math.floor(pings.forS / pings.intervalS),
          interval: `${pings.intervalS}s`,
        },
      ],
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const { flows } = (await answer.json()) as {
    readonly flows: readonly { readonly goodput_bps?: number; readonly rtt_ms?: { readonly p50: number } }[];
  };
  return { goodputBps: flows[0]?.goodput_bps ?? Number.NaN, rttMs: flows[1]?.rtt_ms?.p50 ?? Number.NaN };
}

const nodes = ['a', 'r', 'b'].map((name) => `lkl-${process.pid}-${name}`);
const [a = '', r = '', b = ''] = nodes;

function build(one: Case): void {
  const ip = (text: string) => execFileSync('ip', text.split(' '));
  for (const node of nodes) {
    ip(`netns add ${node}`);
    ip(`-n ${node} link set lo up`);
  }
  ip(`-n ${a} link add eth0 type veth peer name eth0 netns ${r}`);
  ip(`-n ${r} link add eth1 type veth peer name eth0 netns ${b}`);
  for (const [node, device, own] of [
    [a, 'eth0', '10.77.1.1'],
    [r, 'eth0', '10.77.1.254'],
    [r, 'eth1', '10.77.2.254'],
    [b, 'eth0', address],
  ]) {
    ip(`-n ${node} address add ${own}/24 dev ${device}`);
    ip(`-n ${node} link set ${device} up`);
    // A simulation has none on links this slow: see the plan's gso_max_segs.
    execFileSync('ip', ['-n', `${node}`, 'link', 'set', `${device}`, 'gso_max_segs', '1']);
  }
  ip(`-n ${a} route add default via 10.77.1.254`);
  ip(`-n ${b} route add default via 10.77.2.254`);
  ip(`netns exec ${r} sysctl -qw net.ipv4.ip_forward=1`);
  const { mbit, queue } = one;
  const tc = (text: string) => execFileSync('tc', ['-n', r, ...text.split(' ')]);
  tc(`qdisc add dev eth1 root handle 1: tbf rate ${mbit}mbit burst ${burstOf(one)} limit 1000000`);
  tc(`qdisc add dev eth1 parent 1:1 handle 2: ${queue.kind} limit ${queue.limit}`);
}

async function native(one: Case): Promise<Measured> {
  try {
    build(one);
    const inside = (node: string, ...args: readonly (string | number)[]) =>
      ['netns', 'exec', node, 'python3', program, ...args.map(String)] as const;
    const echo = spawn('ip', inside(b, 'echo'), { stdio: 'ignore' });
    const received = run('ip', inside(b, 'receive', seconds));
    await new Promise((resolve) => setTimeout(resolve, 500)); // both listen
    const sent = run('ip', inside(a, 'send', address, seconds, one.congestion));
    await new Promise((resolve) => setTimeout(resolve, pings.startS * 1000));
    const pinged = await run('ip', inside(a, 'ping', address, pings.forS, pings.intervalS));
    const { goodput_bps } = JSON.parse((await received).stdout);
    await sent;
    echo.kill();
    return { goodputBps: goodput_bps, rttMs: JSON.parse(pinged.stdout).rtt_ms.p50 };
  } finally {
    for (const node of nodes) execFileSync('ip', ['netns', 'del', node], { stdio: 'ignore' });
  }
}

const worker = await embeddedWorker();
let failed = false;
console.log('| link, queue, congestion control | goodput here | natively | | round trip here | natively | |');
console.log('|---|--:|--:|--:|--:|--:|--:|');
for (const one of cases) {
  const [here, there] = [await simulated(one, worker.url), await native(one)];
  const goodput = here.goodputBps / there.goodputBps;
  const rtt = here.rttMs / there.rttMs;
  const alike =
    Math.abs(goodput - 1) <= tolerance.goodput &&
    Math.abs(here.rttMs - there.rttMs) <= tolerance.rtt * there.rttMs + tolerance.rttMs + (one.moreMs ?? 0);
  if (!alike) failed = true;
  const name = `${one.mbit} Mbit/s, ${one.queue.kind} ${one.queue.limit}, ${one.congestion}`;
  const cells = [mbits(here), mbits(there), goodput.toFixed(3), ms(here), ms(there), rtt.toFixed(3)];
  console.log(`| ${name} | ${cells.join(' | ')} |${alike ? '' : ' differs'}`);
}
await worker.close();
process.exit(failed ? 1 : 0);

function mbits({ goodputBps }: Measured): string {
  return `${(goodputBps / 1e6).toFixed(2)} Mbit/s`;
}
function ms({ rttMs }: Measured): string {
  return `${rttMs.toFixed(1)} ms`;
}
