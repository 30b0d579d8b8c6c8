/** In the browser: draws the charts that the page has as JSON. */

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const palette = [
  '#3b7dd8',
  '#e0662f',
  '#2a9d6f',
  '#b565c9',
  '#c9a227',
  '#d64570',
  '#3aa6b9',
  '#8a7a66',
  '#6c6ee0',
  '#7f9c2d',
];
const HEIGHT = 240;

const width = () => document.getElementById('chart-0').clientWidth;
const text = (value) => (value == null ? '–' : String(Number(value.toPrecision(4))));
const axis = {
  stroke: colour('--soft'),
  grid: { stroke: colour('--line'), width: 1 },
  ticks: { show: false },
  font: '12px system-ui, sans-serif',
};

/** One cursor for all. */
const sync = uPlot.sync('time');
const plots = JSON.parse(document.getElementById('charts').textContent).map(({ unit, times, lines }, i) => {
  const options = {
    width: width(),
    height: HEIGHT,
    cursor: { sync: { key: sync.key }, points: { size: 6 } },
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
      ...lines.map(({ label }, n) => ({
        label,
        stroke: palette[n % palette.length],
        width: 1.5,
        points: { show: times.length < 3 },
        value: (_, value) => (value == null ? '–' : `${text(value)} ${unit}`),
      })),
    ],
  };
  const plot = new uPlot(options, [times, ...lines.map(({ values }) => values)], document.getElementById(`chart-${i}`));
  sync.sub(plot);
  return plot;
});

addEventListener('resize', () => {
  for (const plot of plots) plot.setSize({ width: width(), height: HEIGHT });
});
