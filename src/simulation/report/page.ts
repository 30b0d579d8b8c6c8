/** A simulation as one page: charts over virtual time, tables, and the final state. It asks no other host for anything. */

import { html } from 'hono/html';
import type { WorkloadResult } from '../measure/results.ts';
import { timesOf } from '../measure/times.ts';
import { carried, chartsOf, lostOf, type ReportedAnswer, wayNames } from './answer.ts';
import { chartPlace, type ReportAssets, reportFrame } from './frame.ts';
import { count, milliseconds, rate, seconds } from './numbers.ts';
import { programs } from './programs.ts';
import type { ChartRecorder } from './series.ts';
import { sketch } from './sketch.ts';
import { type Cell, MOST_ROWS, rightAligned, shortened, table } from './table.ts';

type ReportedHost = ReportedAnswer['hosts'][string];

/** `request` is shown as it is, where it is known. */
export async function reportPage(
  answer: ReportedAnswer,
  recorder: ChartRecorder,
  assets: ReportAssets,
  request?: unknown,
): Promise<string> {
  const { events = [], warnings = [] } = answer;
  const charts = chartsOf(answer, recorder);
  // What Linux did not do changes no curve.
  const marks = events.flatMap(({ time_s, says, error }) => (error === undefined ? [{ time_s, says }] : []));
  const body = html`${answer.error !== undefined && html`<p class="bad">${answer.error}</p>`}
${warnings.length > 0 && html`<ul class="warnings">${warnings.map(({ path, message }) => html`<li><code>${path}</code> ${message}</li>`)}</ul>`}
${sketch(Object.keys(answer.hosts), answer.links, answer.flows)}
<h2>Flows</h2>
${flowTable(answer.flows)}
${failures(answer.flows)}
${programs(answer.flows)}
${charts.map(chartPlace)}
${events.length > 0 && [html`<h2>Events</h2>`, eventTable(events)]}
<h2>Links</h2>
${linkTable(answer.links)}
${answer.captures.length > 0 && [html`<h2>Captures</h2>`, captureTable(answer.captures)]}
<h2>Drops on hosts</h2>
${dropTable(answer.hosts)}
<h2>Final state</h2>
${finalStates(Object.entries(answer.hosts))}`;
  return reportFrame({ title: 'Simulation', facts: facts(answer), body, charts, marks, request, answer }, assets);
}

const facts = ({ seed, virtual_s, wall_s, hosts, links, fairness }: ReportedAnswer): string =>
  [
    `${seconds(virtual_s)} of virtual time`,
    ...(wall_s === undefined ? [] : [`${seconds(wall_s)} on the wall`]),
    `${Object.keys(hosts).length} nodes`,
    `${links.length} ${links.length === 1 ? 'link' : 'links'}`,
    `seed ${seed}`,
    ...(fairness === undefined ? [] : [`fairness ${fairness.toFixed(3)}`]),
  ].join(' · ');

const flowTable = (flows: readonly WorkloadResult[]) =>
  shortened(
    ['', 'type', 'way', 'start', 'time', 'carried', 'lost', 'jitter', 'min', 'median', 'p99', 'under load', ''].map(
      rightAligned(3, 11),
    ),
    flows.map((flow): Cell[] => {
      const times = timesOf(flow);
      const end = flow.completed ? '' : 'cut off';
      return [
        flow.name,
        flow.type === 'tcp' && flow.congestion !== undefined ? `tcp ${flow.congestion}` : flow.type,
        'on' in flow ? flow.on : `${flow.from} → ${flow.to}`,
        seconds(flow.start_s),
        'duration_s' in flow ? seconds(flow.duration_s) : '',
        carried(flow),
        lostOf(flow),
        flow.type === 'udp' ? milliseconds(flow.jitter_ms) : '',
        milliseconds(times?.min),
        milliseconds(times?.p50),
        milliseconds(times?.p99),
        times ? `+${milliseconds(times.p50 - times.min)}` : '',
        flow.error === undefined
          ? 'memory_bound' in flow && flow.memory_bound
            ? { bad: 'bound by memory' }
            : end
          : { bad: 'failed' },
      ];
    }),
  );

/** Why is a sentence, which no column has room for, on a phone least. */
const failures = (flows: readonly WorkloadResult[]) => {
  const failed = flows.filter(({ error }) => error !== undefined);
  return html`${failed.map(({ name, error }) => html`<p class="failure">${name}: ${error}</p>\n`)}`;
};

const eventTable = (events: NonNullable<ReportedAnswer['events']>) =>
  shortened(
    ['at', 'event', ''].map(rightAligned(0, 0)),
    events.map(({ time_s, says, error }): Cell[] => [seconds(time_s), says, error === undefined ? '' : { bad: error }]),
  );

/** Directions that are alike and lost nothing are one row, where there are many. */
function linkTable(links: ReportedAnswer['links']) {
  const directions = links.flatMap((link) =>
    (['forward', 'reverse'] as const).map((way) => ({ name: wayNames(link)[way], ...link[way] })),
  );
  const likeness = ({ rate_bps, delay_ms, queue, limit_bytes, drops, marks }: (typeof directions)[number]) =>
    JSON.stringify([rate_bps, delay_ms, queue, limit_bytes, drops, marks]);
  const groups =
    directions.length > MOST_ROWS
      ? [...Map.groupBy(directions, likeness).values()]
      : directions.map((direction) => [direction]);
  return shortened(
    ['', 'rate', 'delay', 'queue', 'packets', 'lost on the wire', 'dropped by the queue', 'marked', 'fairness'].map(
      rightAligned(1, 8, 3),
    ),
    groups.flatMap((group): Cell[][] => {
      const [first] = group;
      if (!first) return [];
      const { rate_bps, delay_ms, queue, limit_bytes, drops, marks, fairness } = first;
      const packets = group.reduce((sum, { qdiscs }) => sum + (qdiscs[0]?.sent_packets ?? 0), 0);
      const others = group.length > 1 ? ` and ${group.length - 1} like it` : '';
      return [
        [
          `${first.name}${others}`,
          rate(rate_bps),
          milliseconds(delay_ms),
          `${queue ?? ''}${limit_bytes === undefined ? '' : ` ${count(Math.round(limit_bytes / 1000))} kB`}`,
          first.qdiscs.length === 0 ? '' : count(packets),
          count(drops.loss * group.length),
          count(drops.queue * group.length),
          count((marks.loss + marks.queue) * group.length),
          group.length === 1 && fairness !== undefined ? fairness.toFixed(3) : '',
        ],
      ];
    }),
  );
}

const captureTable = (captures: ReportedAnswer['captures']) =>
  table(
    ['', 'packets', 'not recorded', 'bytes'].map(rightAligned(1, 3)),
    captures.map((one) => [`${one.node}:${one.interface}`, count(one.packets), count(one.dropped), count(one.bytes)]),
  );

function dropTable(hosts: ReportedAnswer['hosts']) {
  const rows = Object.entries(hosts).flatMap(([name, { state }]) => [
    ...state.links.flatMap(({ name: device, stats }) =>
      (['rx_dropped', 'tx_dropped'] as const).flatMap((counter): Cell[][] =>
        stats[counter] > 0 ? [[name, `${device} ${counter}`, count(stats[counter])]] : [],
      ),
    ),
    ...Object.entries(state.drops).map(([counter, value]): Cell[] => [name, counter, count(value)]),
  ]);
  const short = Object.entries(hosts).flatMap(([name, { pressure }]) =>
    Object.entries(pressure ?? {}).map(([counter, value]): Cell[] => [
      name,
      { bad: `${counter} (memory)` },
      count(value),
    ]),
  );
  if (rows.length + short.length === 0) return html`<p class="note">None.</p>`;
  return shortened(['', 'counter', 'packets'].map(rightAligned(2, 2)), [...short, ...rows]);
}

/** Many hosts are a click away. */
function finalStates(hosts: readonly (readonly [string, ReportedHost])[]) {
  const states = hosts.map(([name, { state }]) => hostState(name, state));
  return hosts.length <= MOST_ROWS
    ? states
    : html`<details><summary>${hosts.length} nodes</summary>${states}</details>`;
}

const hostState = (name: string, { links, addresses, routes, neighbours, sockets }: ReportedHost['state']) =>
  html`<details><summary>${name}</summary>
${lines(
  'Interfaces',
  links.map(
    ({ name, up, mtu, kind, qdisc, address, stats }) =>
      `${name} ${up ? 'up' : 'down'} mtu ${mtu} ${[kind, qdisc && `qdisc ${qdisc}`, address].filter(Boolean).join(' ')} · received ${count(stats.rx_packets)} packets, ${count(stats.rx_bytes)} bytes · sent ${count(stats.tx_packets)} packets, ${count(stats.tx_bytes)} bytes`,
  ),
)}
${lines('Addresses', addresses)}
${lines('Routes', routes)}
${lines(
  'Neighbours',
  neighbours.map(({ address, mac, dev, state }) => `${address} ${mac ? `lladdr ${mac} ` : ''}dev ${dev} ${state}`),
)}
${lines(
  'Sockets',
  sockets.map(
    (socket) =>
      `${socket.protocol} ${socket.state} ${socket.local}:${socket.localPort} → ${socket.peer}:${socket.peerPort} · to read ${count(socket.receiveQueue)} · to be acknowledged ${count(socket.sendQueue)}${socket.congestion ? ` · ${socket.congestion}` : ''}`,
  ),
)}</details>
`;

const lines = (title: string, all: readonly string[]) =>
  all.length > 0 && html`<h3>${title}</h3>\n<pre>${all.join('\n')}</pre>`;
