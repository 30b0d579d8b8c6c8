/** One chart over virtual time, drawn anew as samples come. */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type Chart, palette } from '../../simulation/report/series.ts';

const HEIGHT = 220;

const shown = (value: number | null | undefined): string =>
  value == null ? '–' : String(Number(value.toPrecision(4)));

export function ChartView({ chart }: { readonly chart: Chart }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const { title, unit, lines, times, hidden } = chart;
  /** What a plot that is made anew begins with: effects see the chart of their own time alone. */
  const now = useRef(chart);
  now.current = chart;
  const labels = lines.map(({ label }) => label).join('\n');

  // Other lines, another unit or other colours are another plot; more samples are not.
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(now.current, element), dataOf(now.current), element);
    };
    const fit = () => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    const dark = matchMedia('(prefers-color-scheme: dark)');
    make();
    addEventListener('resize', fit);
    dark.addEventListener('change', make);
    return () => {
      removeEventListener('resize', fit);
      dark.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [labels, unit]);

  useEffect(() => plot.current?.setData(dataOf(chart)), [times.length]);

  return (
    <section>
      <h2>
        {title} <span class="soft">{unit}</span>
      </h2>
      <div ref={place} class="chart" />
      {hidden > 0 && <p class="soft">The largest only: {hidden} more are not drawn.</p>}
    </section>
  );
}

const dataOf = ({ times, lines }: Chart) => [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;

function optionsOf({ unit, lines }: Chart, element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const axis: uPlot.Axis = {
    stroke: style.color,
    grid: { stroke: style.borderTopColor, width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { sync: { key: 'time' }, points: { size: 6 } },
    scales: {
      x: { time: false },
      y: { range: { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 2 } } },
    },
    axes: [
      { ...axis, values: (_, marks) => marks.map((mark) => `${mark} s`), size: 32 },
      { ...axis, size: 64 },
    ],
    series: [
      { label: 'time', value: (_, value) => (value == null ? '–' : `${value.toFixed(3)} s`) },
      ...lines.map(
        ({ label }, n): uPlot.Series => ({
          label,
          stroke: palette[n % palette.length] ?? '',
          width: 1.5,
          points: { show: (plot) => plot.data[0].length < 3 },
          value: (_, value) => (value == null ? '–' : `${shown(value)} ${unit}`),
        }),
      ),
    ],
  };
}
