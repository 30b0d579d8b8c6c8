/** `lkl sim --html` in a browser: its charts are drawn, its names stay text, and it fetches nothing. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from './browser.ts';
import { lkl } from './command.ts';

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
  ],
};

let browser: Browser;
let page: Page;
const complaints: string[] = [];
const fetched: string[] = [];

beforeAll(async () => {
  const { exitCode, stderr } = await lkl(
    ['sim', '-', '--html', join(folder, 'report.html')],
    Buffer.from(JSON.stringify(network)),
  );
  expect(exitCode, stderr).toBe(3); // one of its workloads cannot be
  browser = await launchBrowser();
  page = await browser.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('request', (request) => fetched.push(request.url()));
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
  expect(drawn).toHaveLength(5);
  // A line is as long as the chart is wide, or nearly so.
  for (const pixels of drawn as number[]) expect(pixels).toBeGreaterThan(200);
});

it('shows what the request calls things as text', async () => {
  expect(await page.title()).toBe('Simulation');
  expect(await page.$$('img')).toEqual([]);
  const texts = (selector: string) => page.$$eval(selector, (all) => all.map((one) => one.textContent));
  expect(await texts('td')).toContain(name);
  expect(await texts('.u-label')).toContain(name);
  expect((await texts('td.bad'))[0]).toContain('<b>none');
});
