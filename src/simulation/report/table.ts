/** Tables of a report, and how they write numbers. Whatever is text is escaped. */

import { html } from 'hono/html';

export type Cell = string | { readonly bad: string };

export interface Column {
  readonly title: string;
  readonly right: boolean;
}

/** For `map` over titles: the columns from the first to the last of these are numbers. */
export const rightAligned =
  (first: number, last: number, ...not: readonly number[]) =>
  (title: string, index: number): Column => ({ title, right: index >= first && index <= last && !not.includes(index) });

export const table = (columns: readonly Column[], rows: readonly (readonly Cell[])[]) =>
  html`<div class="wide"><table>
<tr>${columns.map(({ title, right }) => html`<th class="${right ? 'number' : ''}">${title}</th>`)}</tr>
${rows.map(
  (row) =>
    html`<tr>${row.map((cell, i) =>
      typeof cell === 'string'
        ? html`<td class="${columns[i]?.right ? 'number' : ''}">${cell}</td>`
        : html`<td class="bad">${cell.bad}</td>`,
    )}</tr>\n`,
)}</table></div>`;

const written =
  (write: (value: number) => string) =>
  (value: number | undefined): string =>
    value === undefined ? '' : write(value);

/** Four digits, as they are commonly grouped. */
const short = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });

export const count = written((value) => value.toLocaleString('en'));
export const seconds = written((value) => `${short(value)} s`);
export const milliseconds = written((value) => `${short(value)} ms`);
export const percent = written((value) => `${short(value * 100)} %`);
export const rate = written((value) => {
  const [unit, size] = units.find(([, size]) => value >= size) ?? ['bit/s', 1];
  return `${short(value / size)} ${unit}`;
});

const units = [
  ['Gbit/s', 1e9],
  ['Mbit/s', 1e6],
  ['kbit/s', 1e3],
] as const;
