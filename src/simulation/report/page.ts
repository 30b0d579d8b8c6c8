/** A simulation as one page: charts over virtual time, tables, and the final state. It asks no other host for anything. */

import { html, raw } from 'hono/html';
import { toBase64 } from '../../bytes/base64.ts';
import { count, milliseconds, percent, rate, seconds } from './numbers.ts';
import type { Chart, ChartRecorder, Way } from './series.ts';
import { type Cell, rightAligned, table } from './table.ts';

/** What the page is made with, as text. */
export interface ReportAssets {
  readonly uplot: string;
  readonly uplotStyle: string;
  readonly charts: string;
  readonly style: string;
}

/** What is used of the answer. */
export interface ReportedAnswer {
  readonly seed: number;
  readonly virtual_s: number;
  readonly wall_s?: number;
  readonly fairness?: number;
  readonly flows: readonly ReportedFlow[];
  readonly links: readonly ({ readonly name: string; readonly endpoints: readonly string[] } & Readonly<
    Record<Way, ReportedDirection>
  >)[];
  readonly captures: readonly {
    readonly node: string;
    readonly interface: string;
    readonly packets: number;
    readonly dropped: number;
    readonly bytes: number;
  }[];
  readonly hosts: Readonly<Record<string, ReportedHost>>;
}

interface ReportedFlow {
  readonly type: string;
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
  readonly on?: string;
  readonly congestion?: string;
  readonly completed: boolean;
  readonly start_s: number;
  readonly duration_s?: number;
  readonly goodput_bps?: number;
  readonly retransmits?: number;
  readonly lost?: number;
  readonly loss?: number;
  readonly fairness?: number;
  readonly error?: string;
  readonly rtt_ms?: Times;
  readonly latency_ms?: Times;
  readonly one_way_ms?: Times;
  readonly completion_ms?: Times;
}

interface Times {
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
}

interface ReportedDirection {
  readonly rate_bps?: number;
  readonly delay_ms: number;
  readonly queue?: string;
  readonly limit_bytes?: number;
  readonly drops: { readonly loss: number; readonly queue: number };
  readonly marks: { readonly loss: number; readonly queue: number };
  readonly qdiscs: readonly { readonly sent_packets: number; readonly sent_bytes: number }[];
}

interface ReportedHost {
  readonly state: {
    readonly links: readonly {
      readonly name: string;
      readonly up: boolean;
      readonly mtu: number;
      readonly kind?: string;
      readonly qdisc?: string;
      readonly address?: string;
      readonly stats: Readonly<
        Record<'rx_packets' | 'tx_packets' | 'rx_bytes' | 'tx_bytes' | 'rx_dropped' | 'tx_dropped', number>
      >;
    }[];
    readonly addresses: readonly string[];
    readonly routes: readonly string[];
    readonly neighbours: readonly {
      readonly address: string;
      readonly mac?: string;
      readonly dev: string;
      readonly state: string;
    }[];
    readonly sockets: readonly {
      readonly protocol: string;
      readonly state: string;
      readonly local: string;
      readonly localPort: number;
      readonly peer: string;
      readonly peerPort: number;
      readonly receiveQueue: number;
      readonly sendQueue: number;
      readonly congestion?: string;
    }[];
    readonly drops: Readonly<Record<string, number>>;
  };
}

export async function reportPage(
  answer: ReportedAnswer,
  recorder: ChartRecorder,
  assets: ReportAssets,
): Promise<string> {
  const charts = recorder.charts(
    answer.flows.map(({ name }) => name),
    new Map(answer.links.map((link) => [link.name, wayNames(link)])),
  );
  const scripts = [assets.uplot, assets.charts];
  const page = html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${await policy(scripts)}">
<title>Simulation</title>
<style>${raw(assets.uplotStyle)}</style>
<style>${raw(assets.style)}</style>
<main>
<h1>Simulation</h1>
<p class="facts">${facts(answer)}</p>
<h2>Flows</h2>
${flowTable(answer.flows)}
${charts.map(chartPlace)}
<h2>Links</h2>
${linkTable(answer.links)}
${answer.captures.length > 0 && [html`<h2>Captures</h2>`, captureTable(answer.captures)]}
<h2>Drops on hosts</h2>
${dropTable(answer.hosts)}
<h2>Final state</h2>
${Object.entries(answer.hosts).map(([name, { state }]) => hostState(name, state))}
</main>
<script type="application/json" id="charts">${raw(scriptJson(charts))}</script>
${scripts.map((script) => html`<script>${raw(script)}</script>\n`)}</html>
`;
  return `${await page}`;
}

/** Nothing but these scripts may run, and nothing may be fetched. */
async function policy(scripts: readonly string[]): Promise<string> {
  const hashes = await Promise.all(
    scripts.map(async (script) => {
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script));
      return `'sha256-${toBase64(new Uint8Array(digest))}'`;
    }),
  );
  return `default-src 'none'; style-src 'unsafe-inline'; script-src ${hashes.join(' ')}`;
}

/** JSON that ends no script element: https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements */
const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

const facts = ({ seed, virtual_s, wall_s, hosts, links, fairness }: ReportedAnswer): string =>
  [
    `${seconds(virtual_s)} of virtual time`,
    ...(wall_s === undefined ? [] : [`${seconds(wall_s)} on the wall`]),
    `${Object.keys(hosts).length} nodes`,
    `${links.length} ${links.length === 1 ? 'link' : 'links'}`,
    `seed ${seed}`,
    ...(fairness === undefined ? [] : [`fairness ${fairness.toFixed(3)}`]),
  ].join(' · ');

const chartPlace = ({ title, unit, hidden }: Chart, i: number) =>
  html`<h2>${title} <span class="unit">${unit}</span></h2>
<div id="chart-${i}"></div>
${hidden > 0 && html`<p class="note">The largest only: ${hidden} more are not drawn.</p>`}`;

const wayNames = ({ endpoints: [a, b] }: { readonly endpoints: readonly string[] }): Record<Way, string> => ({
  forward: `${a} → ${b}`,
  reverse: `${b} → ${a}`,
});

const flowTable = (flows: readonly ReportedFlow[]) =>
  table(
    ['', 'type', 'way', 'start', 'time', 'goodput', 'lost', 'min', 'median', 'p99', ''].map(rightAligned(3, 9)),
    flows.map((flow): Cell[] => {
      const times = flow.rtt_ms ?? flow.latency_ms ?? flow.one_way_ms ?? flow.completion_ms;
      return [
        flow.name,
        flow.congestion === undefined ? flow.type : `${flow.type} ${flow.congestion}`,
        flow.from === undefined ? (flow.on ?? '') : `${flow.from} → ${flow.to}`,
        seconds(flow.start_s),
        seconds(flow.duration_s),
        rate(flow.goodput_bps),
        flow.loss === undefined ? count(flow.retransmits ?? flow.lost) : percent(flow.loss),
        milliseconds(times?.min),
        milliseconds(times?.p50),
        milliseconds(times?.p99),
        flow.error === undefined ? (flow.completed ? '' : 'cut off') : { bad: flow.error },
      ];
    }),
  );

const linkTable = (links: ReportedAnswer['links']) =>
  table(
    ['', 'rate', 'delay', 'queue', 'packets', 'lost on the wire', 'dropped by the queue', 'marked'].map(
      rightAligned(1, 7, 3),
    ),
    links.flatMap((link) =>
      (['forward', 'reverse'] as const).map((way): Cell[] => {
        const { rate_bps, delay_ms, queue, limit_bytes, drops, marks, qdiscs } = link[way];
        return [
          wayNames(link)[way],
          rate(rate_bps),
          milliseconds(delay_ms),
          `${queue ?? ''}${limit_bytes === undefined ? '' : ` ${count(Math.round(limit_bytes / 1000))} kB`}`,
          count(qdiscs[0]?.sent_packets),
          count(drops.loss),
          count(drops.queue),
          count(marks.loss + marks.queue),
        ];
      }),
    ),
  );

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
  if (rows.length === 0) return html`<p class="note">None.</p>`;
  return table(['', 'counter', 'packets'].map(rightAligned(2, 2)), rows);
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
