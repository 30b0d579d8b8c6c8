/** Programs that ran on hosts, in a report: how each ended, and what it said. */

import { html } from 'hono/html';
import type { ExecResult, WorkloadResult } from '../measure/results.ts';
import { count, seconds } from './numbers.ts';

/** Nothing where none ran. One that did not end well is open. */
export function programs(flows: readonly WorkloadResult[]) {
  const ran = flows.filter((flow) => flow.type === 'exec');
  return ran.length === 0 ? '' : html`<h2>Programs</h2>\n${ran.map(program)}`;
}

function program(flow: ExecResult) {
  const { name, on, stdout, stderr, omitted, error } = flow;
  const isBad = error !== undefined;
  const said = [stdout, stderr].filter((text) => text !== '').join('\n') || 'It said nothing.';
  return html`<details ${isBad ? 'open' : ''}><summary>${name} on ${on}: ${endOf(flow)}</summary>
<pre>${said}</pre>
${omitted !== undefined && omitted > 0 && html`<p class="note">${count(omitted)} bytes more are not kept.</p>`}</details>
`;
}

function endOf({ completed, exit_code, signal, start_s, end_s, error }: ExecResult): string {
  if (error !== undefined && !completed) return error;
  const after = end_s === undefined ? '' : ` after ${seconds(end_s - start_s)}`;
  if (signal !== undefined) return `ended by signal ${signal}${after}`;
  return completed ? `ended with ${exit_code ?? 0}${after}` : 'still running at the end';
}
