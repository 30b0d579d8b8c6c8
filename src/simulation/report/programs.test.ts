import { expect, test } from 'vitest';
import type { ExecResult } from '../measure/results.ts';
import { programs } from './programs.ts';

const ran: ExecResult = {
  type: 'exec',
  name: 'exec-0',
  on: 'a',
  start_s: 1,
  completed: true,
  end_s: 3,
  exit_code: 0,
  stdout: 'sent <10>\n',
  stderr: '',
};
const shown = (more: Partial<ExecResult>): string => `${programs([{ ...ran, ...more }])}`;

test('a program of a report has how it ended and what it said, with nothing in it taken for HTML', () => {
  expect(shown({})).toContain('<details ><summary>exec-0 on a: ended with 0 after 2 s</summary>');
  expect(shown({})).toContain('sent &lt;10&gt;');
  expect(shown({ stdout: '' })).toContain('It said nothing.');
});

test.each<[string, Partial<ExecResult>]>([
  ['ended with 3 after 2 s', { exit_code: 3, error: 'ended with 3' }],
  ['ended by signal 9 after 2 s', { signal: 9, error: 'was ended by signal 9' }],
  ['no such program', { completed: false, error: 'no such program' }],
])('one that did not end well is open: %s', (words, more) => {
  expect(shown(more)).toContain(`<details open><summary>exec-0 on a: ${words}</summary>`);
});

test('one that was to end so is closed', () => {
  expect(shown({ exit_code: 3 })).toContain('<details ><summary>exec-0 on a: ended with 3 after 2 s</summary>');
});

test('one that still ran says so, and what is not kept is counted', () => {
  const { end_s: _, exit_code: __, ...running } = ran;
  expect(`${programs([{ ...running, completed: false, omitted: 5000 }])}`).toMatch(
    /still running at the end.*5,000 bytes more/s,
  );
  expect(`${programs([])}`).toBe('');
});
