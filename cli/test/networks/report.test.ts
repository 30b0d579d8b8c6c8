/** `lkl sim --html` in a browser: its charts are drawn, its names stay text, and it fetches nothing. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, newPage } from '../browser.ts';
import { keptLkl } from '../kept/kept.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-report-'));
const url = pathToFileURL(join(folder, 'report.html')).href;
const name = '</script><script>document.title = 1</script><img src=x>';

const network = {
  duration: '5s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
  workloads: [
    { type: 'tcp', name, from: 'a', to: 'b' },
    { type: 'tcp', from: 'a', to: 'b', start: '1s', congestion: '<b>none' },
    { type: 'udp', from: 'a', to: 'b', rate: '1mbit' },
    { type: 'ping', from: 'a', to: 'b', interval: '50ms', count: 80 },
    { type: 'rr', from: 'a', to: 'b' },
  ],
  events: [{ type: 'link', at: '2s', for: '1s', link: 'a-b', rate: '2mbit' }],
};

let browser: Browser;
let page: Page;
const complaints: string[] = [];
const fetched: string[] = [];

beforeAll(async () => {
  const { exitCode, stderr } = lkl(
    ['sim', '-', '--html', join(folder, 'report.html')],
    Buffer.from(JSON.stringify(network)),
  );
  expect(exitCode, stderr).toBe(3); // one of its workloads cannot be
  browser = await launchBrowser();
  page = await newPage(browser);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('request', (request) => fetched.push(request.url()));
  // What a browser of the POSIX locale says, and Intl refuses.
  await page.evaluateOnNewDocument(
    "Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true })",
  );
  await page.goto(url);
}, 240_000);

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

it('runs without a complaint, and fetches nothing but itself', () => {
  expect(complaints).toEqual([]);
  expect(fetched).toEqual([url]);
});

it('draws its charts: each has pixels of its first line', async () => {
  const drawn = await page.evaluate(`
    [...document.querySelectorAll('canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let blue = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i] === 0x3b && data[i + 1] === 0x7d && data[i + 2] === 0xd8 && data[i + 3] === 255) blue++;
      return blue;
    })`);
  expect(drawn).toHaveLength(8);
  // A line is as long as the chart is wide, or nearly so.
  for (const pixels of drawn as number[]) expect(pixels).toBeGreaterThan(200);
});

it('shows what the request calls things as text', async () => {
  expect(await page.title()).toBe('Simulation');
  expect(await page.$$('img')).toEqual([]);
  const texts = (selector: string) => page.$$eval(selector, (all) => all.map((one) => one.textContent));
  expect(await texts('td')).toContain(name);
  expect(await texts('.u-label')).toContain(name);
  expect((await texts('.failure'))[0]).toContain('<b>none');
});

it('draws datagrams, pings and requests, marks, and the network', async () => {
  const charts = JSON.parse(await page.$eval('#charts', (one) => one.textContent ?? ''));
  const labels = (title: string) =>
    charts
      .find((chart: { title: string }) => chart.title === title)
      ?.lines.map(({ label }: { label: string }) => label);
  expect(labels('Latency under load')).toEqual([name, 'udp-2', 'ping-3', 'rr-4']);
  expect(labels('Throughput')).toEqual(expect.arrayContaining([name, 'udp-2']));
  expect(labels('Distribution of times')).toHaveLength(4);
  expect(JSON.parse(await page.$eval('#marks', (one) => one.textContent ?? ''))).toMatchObject([
    { time_s: 2, says: 'a-b: rate 2mbit' },
    { time_s: 3, says: 'a-b: rate as before' },
  ]);
  // No link is used more than it has and its bucket holds, also where its rate falls to a fifth.
  const used = charts.find((chart: { title: string }) => chart.title === 'Use of links');
  for (const { values } of used.lines) expect(Math.max(...values)).toBeLessThan(110);
  expect(await page.$$eval('.sketch rect', (all) => all.length)).toBe(2);
  expect(await page.$$eval('details pre', (all) => all.some((one) => one.textContent?.includes('"workloads"')))).toBe(
    true,
  );
});

it('saves what it shows', async () => {
  const saved = await page.evaluate(`
    new Promise((resolve) => {
      const texts = {};
      URL.createObjectURL = (blob) => {
        blob.text().then((text) => { texts[blob.type] = text; if (Object.keys(texts).length === 2) resolve(texts); });
        return '#';
      };
      for (const button of document.querySelectorAll('[data-save]')) button.click();
    })`);
  const { 'application/json': json, 'text/csv': csv } = saved as Record<string, string>;
  expect(JSON.parse(json ?? '')).toMatchObject({ seed: 0, request: network });
  expect(csv?.split('\n')[0]).toBe('chart,unit,line,along,at,value');
  expect(csv?.split('\n').length).toBeGreaterThan(1000);
});

it('a sweep is a page of its own: a chart for each figure along the parameter, in its own words', async () => {
  const file = join(folder, 'sweep.html');
  const { exitCode, stderr } = lkl(
    ['sim', '-', '-q', '--html', file, '--sweep', 'links[0].delay=5ms,20ms,<b>', '--sweep', 'seed=1,2'],
    Buffer.from(JSON.stringify({ ...network, workloads: network.workloads.slice(2) })),
  );
  expect(exitCode, stderr).toBe(1); // "<b>" is no time
  const swept = lkl(
    ['sim', '-', '-q', '--html', file, '--sweep', 'links[0].delay=5ms,20ms,100ms', '--sweep', 'seed=1,2'],
    Buffer.from(JSON.stringify({ ...network, workloads: network.workloads.slice(2) })),
  );
  expect(swept.exitCode, swept.stderr.toString()).toBe(0);
  complaints.length = 0;
  await page.goto(pathToFileURL(file).href);
  expect(complaints).toEqual([]);
  const titles = await page.$$eval('h2', (all) => all.map((one) => one.firstChild?.textContent?.trim()));
  expect(titles.slice(0, 2)).toEqual(['Goodput by links[0].delay', 'Median latency by links[0].delay']);
  expect(await page.$$eval('canvas', (all) => all.length)).toBe(titles.length - 2);
  const charts = await page.$eval('#charts', (one) => JSON.parse(one.textContent ?? ''));
  expect(charts[0]).toMatchObject({ ticks: ['5ms', '20ms', '100ms'] });
  expect(await page.$$eval('.wide tr', (all) => all.length)).toBe(1 + 3 * 2 * 3);
}, 120_000);

it('times that are all the same are a step of their distribution, and no two marks of an axis are called the same', async () => {
  const file = join(folder, 'same.html');
  const links = ['srv', 'c1', 'c2', 'c3', 'c4', 'c5'].map((name) => ({ endpoints: [name, 'sw'], delay: '2500us' }));
  const clients = links.slice(1).map(({ endpoints: [name] }) => name ?? '');
  const same = {
    duration: '2s',
    hosts: Object.fromEntries(links.map(({ endpoints: [name] }) => [name, {}])),
    switches: { sw: {} },
    links,
    workloads: clients.map((from) => ({ type: 'ping', from, to: 'srv', count: 5, interval: '100ms' })),
  };
  const { exitCode, stderr } = lkl(['sim', '-', '--html', file], Buffer.from(JSON.stringify(same)));
  expect(exitCode, stderr.toString()).toBe(0);
  const other = await newPage(browser);
  await other.evaluateOnNewDocument(`
    globalThis.written = {};
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
      const chart = this.canvas.closest('[id]')?.id;
      (written[chart] ??= []).push(text);
      return fillText.call(this, text, ...where);
    };`);
  await other.goto(pathToFileURL(file).href);
  const titles = await other.$$eval('h2', (all) => all.map((one) => one.firstChild?.textContent?.trim() ?? ''));
  const at = titles.filter((title) => title !== 'Flows').indexOf('Distribution of times');
  const written = (await other.evaluate('written')) as Record<string, string[]>;
  const marks = written[`chart-${at}`] ?? [];
  expect(marks).toContain('10');
  expect(marks.length).toBeGreaterThan(4);
  // From 0 to 100 % at 10 ms: the last line over all others.
  const rows = await other.evaluate(`(() => {
    const canvas = document.querySelector('#chart-${at} canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const rows = new Set();
    for (let i = 0; i < data.length; i += 4)
      if (data[i] === 0xc9 && data[i + 1] === 0xa2 && data[i + 2] === 0x27) rows.add(Math.floor(i / 4 / canvas.width));
    return rows.size;
  })()`);
  expect(rows).toBeGreaterThan(100);
  for (const [chart, texts] of Object.entries(written)) {
    const along = chart === `chart-${at}` ? texts.filter((text) => Number(text) > 5 && Number(text) < 15) : texts;
    const names = along.filter((text) => chart === `chart-${at}` || text.endsWith(' s'));
    expect(new Set(names).size, chart).toBe(names.length);
  }
  // Five like each other, and the one that all of them ask.
  const boxes = await other.$$eval('.sketch text:not(.label)', (all) => all.map((one) => one.firstChild?.textContent));
  expect(boxes.sort()).toEqual(['5 × c1', 'srv', 'sw']);
  await other.close();
});
