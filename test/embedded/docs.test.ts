/** The page at /docs in a real browser: every operation is there, and nothing is complained about. */

import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, newPage } from '../../cli/test/browser.ts';
import document from '../../openapi/v1.json' with { type: 'json' };
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

let worker: EmbeddedWorker;
let browser: Browser;
beforeAll(async () => {
  worker = await embeddedWorker();
  browser = await launchBrowser();
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await worker?.close();
});

it('shows every operation without a word in the console, from nowhere else', async () => {
  const page = await newPage(browser);
  const complaints: string[] = [];
  const fetched: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('request', (request) => fetched.push(request.url()));
  await page.goto(new URL('/docs', worker.url).href, { waitUntil: 'networkidle0' });
  // In words that the browser understands: its elements are none of this project's types.
  const shown = (await page.evaluate("document.querySelector('rapi-doc').shadowRoot.textContent")) as string;
  const summaries = Object.values(document.paths).flatMap((item) =>
    Object.values(item as Record<string, { summary: string }>).map(({ summary }) => summary),
  );
  expect(summaries.length).toBeGreaterThan(30);
  expect(summaries.filter((summary) => !shown.includes(summary))).toEqual([]);
  expect(complaints).toEqual([]);
  expect(fetched.filter((url) => !url.startsWith('data:') && new URL(url).origin !== worker.url.origin)).toEqual([]);
}, 120_000);
