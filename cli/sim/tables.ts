/** The flows of a simulation: one table for each kind, with what that kind has. */

import type { WorkloadResult } from '../../src/simulation/measure/results.ts';
import type { Summary } from '../../src/simulation/measure/stats.ts';
import { count, milliseconds, percent, rate, seconds } from '../../src/simulation/report/numbers.ts';
import { printable } from '../failure.ts';
import { type TableColumn, textTable } from '../output/table.ts';
import type { SimulationEnd } from './answer.ts';

type Kind = WorkloadResult['type'];
type Of<K extends Kind> = Extract<WorkloadResult, { readonly type: K }>;

/** A column's title, and what it shows of a flow. */
type Columns<K extends Kind> = readonly (readonly [title: string, show: (flow: Of<K>) => string])[];

const times = <K extends Kind>(title: string, of: (flow: Of<K>) => Summary | undefined): Columns<K> => [
  [`${title} MIN`, (flow) => milliseconds(of(flow)?.min)],
  ['P50', (flow) => milliseconds(of(flow)?.p50)],
  ['P99', (flow) => milliseconds(of(flow)?.p99)],
];

const tables: { readonly [K in Kind]: Columns<K> } = {
  tcp: [
    ['CC', ({ congestion = '' }) => congestion],
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['GOODPUT', ({ goodput_bps }) => rate(goodput_bps)],
    ['RETRANSMITS', ({ retransmits }) => count(retransmits)],
    ...times<'tcp'>('RTT', ({ rtt_ms }) => rtt_ms),
  ],
  udp: [
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['GOODPUT', ({ goodput_bps }) => rate(goodput_bps)],
    ['SENT', ({ sent }) => count(sent)],
    ['LOST', ({ lost }) => count(lost)],
    ['LOSS', ({ loss }) => percent(loss)],
    ['JITTER', ({ jitter_ms }) => milliseconds(jitter_ms)],
    ...times<'udp'>('DELAY', ({ one_way_ms }) => one_way_ms),
  ],
  ping: [
    ['SENT', ({ sent }) => count(sent)],
    ['RECEIVED', ({ received }) => count(received)],
    ['LOSS', ({ loss }) => percent(loss)],
    ...times<'ping'>('RTT', ({ rtt_ms }) => rtt_ms),
  ],
  rr: [
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['TRANSACTIONS', ({ transactions }) => count(transactions)],
    ['A SECOND', ({ per_second }) => count(per_second)],
    ...times<'rr'>('LATENCY', ({ latency_ms }) => latency_ms),
  ],
  'on-off': [
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['PERIODS', ({ periods }) => count(periods)],
    ['GOODPUT', ({ goodput_bps }) => rate(goodput_bps)],
    ['LOST', ({ lost }) => count(lost)],
  ],
  flows: [
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['STARTED', ({ started }) => count(started)],
    ['FINISHED', ({ finished }) => count(finished)],
    ['GOODPUT', ({ goodput_bps }) => rate(goodput_bps)],
    ...times<'flows'>('COMPLETION', ({ completion_ms }) => completion_ms),
  ],
  replay: [
    ['TIME', ({ duration_s }) => seconds(duration_s)],
    ['SENT', ({ there, back }) => `${count(there.sent)} + ${count(back.sent)}`],
    ['LOST', ({ there, back }) => `${count(there.lost)} + ${count(back.lost)}`],
    ...times<'replay'>('DELAY', ({ there, back }) => there.one_way_ms ?? back.one_way_ms),
  ],
  syscalls: [['DONE', ({ completed }) => (completed ? 'yes' : 'no')]],
  exec: [
    ['TIME', ({ start_s, end_s }) => (end_s === undefined ? '' : seconds(end_s - start_s))],
    ['EXIT', ({ exit_code, signal }) => (signal === undefined ? `${exit_code ?? ''}` : `signal ${signal}`)],
  ],
};

const where = (flow: WorkloadResult): string => ('on' in flow ? `on ${flow.on}` : `${flow.from} → ${flow.to}`);

function tableOf<K extends Kind>(kind: K, flows: readonly Of<K>[]): string {
  const columns: readonly TableColumn[] = [
    { title: kind.toUpperCase() },
    { title: '' },
    ...tables[kind].map(([title]) => ({ title, right: title !== 'CC' && title !== 'DONE' })),
    { title: 'FAILED' },
  ];
  const rows = flows.map((flow) => [
    printable(flow.name),
    printable(where(flow)),
    ...tables[kind].map(([, show]) => show(flow)),
    printable(flow.error ?? ''),
  ]);
  return textTable(columns, rows);
}

/** What programs said. */
const spoken = (flows: readonly WorkloadResult[]): readonly string[] =>
  flows.flatMap((flow) => {
    if (flow.type !== 'exec') return [];
    const text = `${flow.stdout}${flow.stderr}`.trimEnd();
    return text === '' ? [] : [`${printable(`${flow.name} ${where(flow)}`)}:\n${printable(text)}`];
  });

/** Of all flows; what is left out is in --json. */
export function tablesOf({ flows, virtual_s, wall_s = 0 }: SimulationEnd): string {
  const kinds = Object.keys(tables) as Kind[];
  const shown = kinds.flatMap((kind) => {
    const some = flows.filter(({ type }) => type === kind);
    return some.length > 0 ? [tableOf(kind, some as Of<typeof kind>[])] : [];
  });
  return [...shown, ...spoken(flows), `${virtual_s.toFixed(3)} s of virtual time in ${wall_s.toFixed(2)} s`].join(
    '\n\n',
  );
}
