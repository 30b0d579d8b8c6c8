/** The page that every report is: one file with its styles and scripts in it, which asks no other host for anything. */

import { html, raw } from 'hono/html';
import { toBase64 } from '../../bytes/base64.ts';
import { type Chart, palette } from './series.ts';

/** What the page is made with, as text. */
export interface ReportAssets {
  readonly uplot: string;
  readonly uplotStyle: string;
  readonly charts: string;
  readonly style: string;
}

export interface Framed {
  readonly title: string;
  /** Below the title. */
  readonly facts: string;
  readonly body: unknown;
  readonly charts: readonly Chart[];
  /** Of events, in the charts along time. */
  readonly marks?: readonly { readonly time_s: number; readonly says: string }[];
  /** As it was sent, where it is known: shown at the end, and saved before the answer. */
  readonly request: unknown;
  /** What is saved as JSON. */
  readonly answer: object;
}

export async function reportFrame(
  { title, facts, body, charts, marks = [], request, answer }: Framed,
  assets: ReportAssets,
): Promise<string> {
  const scripts = [plainLanguage, assets.uplot, assets.charts];
  const page = html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${await policy(scripts)}">
<title>${title}</title>
<style>${raw(assets.uplotStyle)}</style>
<style>${raw(assets.style)}</style>
<main>
<h1>${title}</h1>
<p class="facts">${facts}</p>
<p class="save"><button type="button" data-save="json">Save as JSON</button> <button type="button" data-save="csv">Save charts as CSV</button></p>
${body}
${requestPlace(request)}
</main>
<script type="application/json" id="charts">${raw(scriptJson(charts))}</script>
<script type="application/json" id="palette">${raw(scriptJson(palette))}</script>
<script type="application/json" id="marks">${raw(scriptJson(marks))}</script>
<script type="application/json" id="answer">${raw(scriptJson({ request, ...answer }))}</script>
${scripts.map((script) => html`<script>${raw(script)}</script>\n`)}</html>
`;
  return `${await page}`;
}

/** Where charts are drawn, in their order. */
export const chartPlace = ({ title, unit, hidden }: Chart, i: number) =>
  html`<h2>${title} <span class="unit">${unit}</span></h2>
<div id="chart-${i}"></div>
${hidden > 0 && html`<p class="note">The largest only: ${hidden} more are not drawn.</p>`}`;

const requestPlace = (request: unknown) =>
  request !== undefined &&
  html`<h2>Request</h2>\n<details><summary>As it was sent</summary>\n<pre>${JSON.stringify(request, null, 2)}</pre></details>`;

/** A browser of the POSIX locale tells a language ("en-US@posix") that Intl refuses, and uPlot asks for as it is loaded. */
const plainLanguage = `try { new Intl.NumberFormat(navigator.language); } catch { Object.defineProperty(navigator, 'language', { value: 'en-US' }); }`;

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
