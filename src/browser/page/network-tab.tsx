/** A network of Linux stacks, simulated in the page: edit, run, see it as it goes. */

import { proxy } from 'comlink';
import { useEffect, useRef, useState } from 'preact/hooks';
import bufferbloat from '../../../examples/simulations/bufferbloat.json' with { type: 'json' };
import cubicBbr from '../../../examples/simulations/cubic-bbr.json' with { type: 'json' };
import satellite from '../../../examples/simulations/satellite.json' with { type: 'json' };
import { timesOf } from '../../simulation/measure/times.ts';
import { carried, chartsOf, lostOf } from '../../simulation/report/answer.ts';
import { milliseconds } from '../../simulation/report/numbers.ts';
import { type Chart, ChartRecorder, type DrawnSample } from '../../simulation/report/series.ts';
import type { NetworkEnd } from '../network.ts';
import { ChartView } from './chart.tsx';
import { messageOf, type RemoteApi, type RemoteNetworks } from './engine.ts';

const examples: Readonly<Record<string, unknown>> = {
  'Bufferbloat: a deep queue and fq_codel': bufferbloat,
  'Cubic and BBR over a 2 MB buffer': cubicBbr,
  'A lossy satellite link': satellite,
};

const textOf = (network: unknown) => JSON.stringify(network, null, 2);

/** How often charts are drawn while it runs. */
const DRAW_MS = 250;

export function NetworkTab({ api }: { readonly api: RemoteApi }) {
  const [text, setText] = useState(textOf(bufferbloat));
  const [running, setRunning] = useState(false);
  const [time, setTime] = useState(0);
  const [charts, setCharts] = useState<readonly Chart[]>([]);
  const [end, setEnd] = useState<NetworkEnd>();
  const [error, setError] = useState<string>();
  const networks = useRef<RemoteNetworks>(undefined);

  async function run() {
    setRunning(true);
    setError(undefined);
    setEnd(undefined);
    setCharts([]);
    const recorder = new ChartRecorder();
    let drawnMs = 0;
    const names = flowNames(text);
    /** While it runs links go by their numbers: what they are called is in the answer. */
    const draw = () =>
      setCharts(
        recorder.charts(
          names.map((name) => ({ name })),
          [],
        ),
      );
    try {
      networks.current ??= await api.networks();
      const answer = await networks.current.simulate(
        text,
        proxy((sample: DrawnSample) => {
          recorder.add(sample);
          const nowMs = performance.now();
          if (nowMs - drawnMs < DRAW_MS) return;
          drawnMs = nowMs;
          setTime(sample.time_s);
          draw();
        }),
      );
      setEnd(answer);
      setCharts(chartsOf(answer, recorder));
    } catch (cause) {
      setError(messageOf(cause));
    } finally {
      setRunning(false);
    }
  }

  useEffect(() => () => void networks.current?.stop(), []);

  return (
    <div class="network">
      <section>
        <div class="bar">
          <label>
            Example{' '}
            <select
              onChange={(event) => {
                const example = examples[event.currentTarget.value];
                if (example) setText(textOf(example));
              }}
            >
              {Object.keys(examples).map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </div>
        <textarea
          aria-label="The network as JSON"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || running) return;
            event.preventDefault();
            void run();
          }}
        />
        <div class="bar">
          <button type="button" disabled={running} onClick={() => void run()}>
            Run
          </button>
          {running && (
            <button type="button" onClick={() => void networks.current?.stop()}>
              Stop
            </button>
          )}
          <span class="soft" role="status">
            {running
              ? `${time.toFixed(1)} s of virtual time`
              : 'Ctrl+Enter runs it. The fields are those of POST /v1/simulations.'}
          </span>
        </div>
        {error && (
          <p class="bad" role="alert">
            {error}
          </p>
        )}
      </section>
      <section>
        {end?.warnings?.map(({ message }) => (
          <p key={message} class="soft">
            {message}
          </p>
        ))}
        {end && <Flows end={end} />}
        {charts.map((chart) => (
          <ChartView key={chart.title} chart={chart} />
        ))}
      </section>
    </div>
  );
}

/** What flows will be called, as far as the text tells before it has run. */
function flowNames(text: string): string[] {
  try {
    const { workloads = [] } = JSON.parse(text) as { readonly workloads?: readonly { name?: string; type?: string }[] };
    return workloads.map(({ name, type }, i) => name ?? `${type} ${i}`);
  } catch {
    return [];
  }
}

function Flows({ end }: { readonly end: NetworkEnd }) {
  return (
    <div class="list">
      <table>
        <thead>
          <tr>
            <th>Flow</th>
            <th class="number">Carried</th>
            <th class="number">Lost</th>
            <th class="number">Round trip, median</th>
            <th class="number wide">p99</th>
          </tr>
        </thead>
        <tbody>
          {end.flows.map((flow) => (
            <tr key={flow.name}>
              <td>
                {flow.name}
                {flow.error && <span class="bad"> {flow.error}</span>}
              </td>
              <td class="number">{carried(flow)}</td>
              <td class="number">{lostOf(flow)}</td>
              <td class="number">{milliseconds(timesOf(flow)?.p50)}</td>
              <td class="number wide">{milliseconds(timesOf(flow)?.p99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
