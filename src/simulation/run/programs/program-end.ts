/** Whether a program ended as it was to, and the words for it if not. */

import type { ProgramEnd } from '../../../kernel/program/run/run.ts';
import type { ExitPlan } from '../../plan/command-plan.ts';

const SIGNALLED = 128;
/** Of the last line that it said. */
const MOST_SAID = 200;

/** Nothing if all is well. `said` is what it wrote to standard error. */
export function wrongEnd(
  { exitCode, signal }: ProgramEnd,
  { statuses, isAsked }: ExitPlan,
  said: string,
): string | undefined {
  const status = signal === undefined ? exitCode : SIGNALLED + signal;
  if (statuses === undefined || (status !== undefined && statuses.includes(status))) return undefined;
  const how = signal === undefined ? `ended with ${exitCode}` : `was ended by signal ${signal}`;
  const text = said.trim();
  return `${how}${isAsked ? `, not with ${statuses.join(' or ')}` : ''}${text === '' ? '' : `: ${text}`}`;
}

/** One that was to end, and is still there when all is over. */
export const noEnd = ({ statuses = [], isAsked }: ExitPlan): string | undefined =>
  isAsked
    ? `was still running at the end, and was to end${statuses.length > 0 ? ` with ${statuses.join(' or ')}` : ''}`
    : undefined;

/** The last line of a text. */
export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.slice(0, MOST_SAID) ?? '';
