/**
 * What came of the tests, by vitest's JSON reports: of the run, and of a second one of the files in which some failed.
 *
 *   node .ci/report.mjs files REPORT            the files with failures, one a line
 *   node .ci/report.mjs count REPORT [AGAIN]    how many tests passed, and how many failed for good
 *   node .ci/report.mjs tell REPORT [AGAIN]     each that failed, by name, with the first line of why
 */

import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The tests of a report; a file that could not be loaded is one that failed. None of a run that died. */
function testsOf(report) {
  if (report === undefined || !existsSync(report)) return [];
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const tests = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const inIt = assertionResults.map((test) => ({
      file,
      name: test.fullName,
      status: test.status,
      why: test.failureMessages[0],
    }));
    const isBroken = status === 'failed' && !inIt.some((test) => test.status === 'failed');
    return isBroken ? [...inIt, { file, name: 'the file', status: 'failed', why: message }] : inIt;
  });
  return tests;
}

const keyOf = ({ file, name }) => `${file} > ${name}`;

const [what, report, again] = process.argv.slice(2);
const tests = testsOf(report);
const failures = tests.filter(({ status }) => status === 'failed');
// Tests may share a name: one that passed by itself is none that failed then, too.
const second = testsOf(again);
const keysOf = (status) => new Set(second.filter((test) => test.status === status).map(keyOf));
const [passedThen, failedThen] = [keysOf('passed'), keysOf('failed')];
const isFlaky = (test) => passedThen.has(keyOf(test)) && !failedThen.has(keyOf(test));

if (what === 'files') {
  for (const file of new Set(failures.map(({ file }) => file))) console.log(file);
} else if (what === 'count') {
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const flaky = failures.filter(isFlaky).length;
  console.log(passed + flaky, failures.length - flaky);
} else {
  for (const test of failures) {
    const [first = ''] = (test.why ?? '').split('\n');
    console.log(`${isFlaky(test) ? 'FLAKY, passed by itself' : 'FAILED'}: ${keyOf(test)}\n  ${first}`);
  }
}
