/** Tables of a report. Whatever is text is escaped. */

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

/** The longest that is shown at once. */
export const MOST_ROWS = 12;

/** The rest of many rows is a click away. */
export function shortened(columns: readonly Column[], rows: readonly (readonly Cell[])[]) {
  if (rows.length <= MOST_ROWS) return table(columns, rows);
  return html`${table(columns, rows.slice(0, MOST_ROWS))}
<details><summary>${rows.length - MOST_ROWS} more</summary>${table(columns, rows.slice(MOST_ROWS))}</details>`;
}
