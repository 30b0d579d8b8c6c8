/**
 * What came of the tests, by vitest's JSON reports: of the run, and of a second one of the files in which some failed.
 *
 *   node .ci/report.mjs files REPORT            the files with failures, one a line
 *   node .ci/report.mjs count REPORT [AGAIN]    how many tests passed, and how many failed for good
 *   node .ci/report.mjs tell REPORT [AGAIN]     each that failed, by name, with the first line of why
 */

import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** The tests of a report by file and name; a file that could not be loaded is one that failed. None of a run that died. */
function testsOf(report) {
  if (report === undefined || !existsSync(report)) return new Map();
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
  return new Map(tests.map((test) => [`${test.file} > ${test.name}`, test]));
}

const [what, report, again] = process.argv.slice(2);
const first = testsOf(report);
const second = testsOf(again);
const failures = [...first].filter(([, { status }]) => status === 'failed');
const isFlaky = (key) => second.get(key)?.status === 'passed';

if (what === 'files') {
  for (const file of new Set(failures.map(([, test]) => test.file))) console.log(file);
} else if (what === 'count') {
  const passed = [...first.values()].filter(({ status }) => status === 'passed').length;
  const flaky = failures.filter(([key]) => isFlaky(key)).length;
  console.log(passed + flaky, failures.length - flaky);
} else {
  for (const [key, { why = '' }] of failures) {
    console.log(`${isFlaky(key) ? 'FLAKY, passed by itself' : 'FAILED'}: ${key}\n  ${why.split('\n')[0]}`);
  }
}
