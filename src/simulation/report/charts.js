/** In the browser: draws the charts that the page has as JSON, and saves them. */

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const palette = read('palette');
const HEIGHT = 240;

const charts = read('charts');
const marks = read('marks');
const width = () =>
  document.querySelector('main').clientWidth -
  2 * parseFloat(getComputedStyle(document.querySelector('main')).paddingLeft);
const text = (value) => (value == null ? '–' : String(Number(value.toPrecision(4))));
/** Values along an axis, in as many digits as tell one from the next. */
const apart = (value, step) =>
  value == null ? '–' : String(Number(value.toFixed(Math.max(0, Math.ceil(-Math.log10(step)) + 1))));
const axis = {
  stroke: colour('--soft'),
  grid: { stroke: colour('--line'), width: 1 },
  ticks: { show: false },
  font: '12px system-ui, sans-serif',
};

/** A dashed line at each event, with its words where there is room. */
function drawMarks(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour('--soft');
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  let free = Number.NEGATIVE_INFINITY;
  for (const { time_s, says } of marks) {
    const x = Math.round(plot.valToPos(time_s, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const words = says.length > 28 ? `${says.slice(0, 27)}…` : says;
    const room = ctx.measureText(words).width + 8 * devicePixelRatio;
    if (x < free || x + room > bbox.left + bbox.width) continue;
    ctx.fillText(words, x + 4 * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
    free = x + room;
  }
  ctx.restore();
}

/** Times that are all the same, or nearly: a step in the middle of some room, where there would be a point. */
function withRoom({ along, times, lines }) {
  const [first, last] = [times[0], times.at(-1)];
  if (along !== 'values' || last - first >= last / 1000) return { times, lines };
  return {
    isStep: true,
    times: [first - last / 20, ...times, last + last / 20],
    lines: lines.map((line) => ({ ...line, values: [0, ...line.values, 100] })),
  };
}

/** One cursor for all that go along the same time. */
const sync = uPlot.sync('time');
const plots = charts.map((chart, i) => {
  const { unit, along, ticks } = chart;
  const { times, lines, isStep } = withRoom(chart);
  const isTime = along === 'time';
  const isParameter = along === 'parameter';
  const tick = (value) => (value == null ? '–' : (ticks[value] ?? ''));
  const along_ = (value) => (isParameter ? tick(value) : isTime ? `${text(value)} s` : text(value));
  const alongBy = (step) => (value) => (isParameter ? tick(value) : `${apart(value, step)}${isTime ? ' s' : ''}`);
  const range = isParameter && { range: [-0.25, times.length - 0.75] };
  const options = {
    width: width(),
    height: HEIGHT,
    cursor: { ...(isTime && { sync: { key: sync.key } }), points: { size: 6 } },
    scales: {
      x: { time: false, ...range },
      y: { range: { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 2 } } },
    },
    axes: [
      {
        ...axis,
        values: (_, all, _axis, _space, step) => all.map(alongBy(step)),
        size: 32,
        ...(isParameter && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }),
      },
      { ...axis, size: 64 },
    ],
    series: [
      {
        label: isTime ? 'time' : isParameter ? 'at' : 'value',
        value: (_, value) => (value == null ? '–' : along_(value)),
      },
      ...lines.map(({ label }, n) => ({
        label,
        stroke: palette[n % palette.length],
        width: 1.5,
        // Samples that saw no answer are no gap: the next one says.
        spanGaps: true,
        ...(isStep && { paths: uPlot.paths.stepped({ align: 1 }) }),
        points: { show: isParameter || times.length < 3 ? true : undefined, size: isParameter ? 6 : 4 },
        value: (_, value) => (value == null ? '–' : along === 'values' ? `${text(value)} %` : `${text(value)} ${unit}`),
      })),
    ],
    hooks: isTime && marks.length > 0 ? { draw: [drawMarks] } : {},
  };
  const plot = new uPlot(options, [times, ...lines.map(({ values }) => values)], document.getElementById(`chart-${i}`));
  if (isTime) sync.sub(plot);
  return plot;
});

addEventListener('resize', () => {
  for (const plot of plots) plot.setSize({ width: width(), height: HEIGHT });
});

// --- saving ---

const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

/** A row for each value: which chart, which line, where, how much. */
function csv() {
  const rows = [['chart', 'unit', 'line', 'along', 'at', 'value']];
  for (const { title, unit, along, ticks, times, lines } of charts)
    for (const { label, values } of lines)
      for (const [i, value] of values.entries())
        if (value !== null) rows.push([title, unit, label, along, ticks ? ticks[i] : times[i], value]);
  for (const { time_s, says } of marks) rows.push(['Events', '', says, 'time', time_s, '']);
  return rows.map((row) => `${row.map(quoted).join(',')}\n`).join('');
}

const saved = {
  json: () => new Blob([JSON.stringify({ ...read('answer'), charts }, null, 2)], { type: 'application/json' }),
  csv: () => new Blob([csv()], { type: 'text/csv' }),
};
for (const button of document.querySelectorAll('[data-save]')) {
  button.addEventListener('click', () => {
    const kind = button.dataset.save;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(saved[kind]());
    link.download = `simulation.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}
