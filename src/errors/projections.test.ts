/** One table, one projection each: HTTP and back, exit codes, exceptions. */

import { describe, expect, it } from 'vitest';
import { exceptionOf, LinuxException } from './exception.ts';
import { exitKind } from './exit.ts';
import { HostError } from './host-error.ts';
import { documentOf, headersOf, problemIn } from './http.ts';
import { problemOf, ToldError } from './problem.ts';
import { allProblems, rowOf } from './rows.ts';

describe('the table', () => {
  it('has a 5xx for what is ours, and for nothing else', () => {
    const odd = allProblems.filter(({ status, fault }) => status >= 500 !== (fault === 'service'));
    expect(odd.map(({ name }) => name)).toEqual([]);
  });

  it('says when to come back only for what may go well then', () => {
    const told = allProblems.filter(({ retryAfterS }) => retryAfterS !== undefined);
    expect(told.every(({ status }) => status === 429 || status === 503)).toBe(true);
    expect(told.map(({ name }) => name)).toContain('storage-failed');
  });
});

describe('HTTP', () => {
  it.each(allProblems.map(({ name }) => [name] as const))('%s survives a document and back', (name) => {
    const problem = { name, detail: 'so it was', members: { fact: 1 } };
    const document = JSON.parse(JSON.stringify(documentOf(problem)));
    expect(document).toMatchObject({ type: `/problems/${name}`, title: rowOf(name).message, fact: 1 });
    expect(problemIn(document)).toMatchObject({ name, detail: 'so it was', members: { fact: 1 } });
  });

  it('takes types of another origin for the same, and none of another kind', () => {
    expect(problemIn({ type: 'https://lkl.example/problems/ENOENT', title: '', status: 404 })?.name).toBe('ENOENT');
    expect(problemIn({ type: 'about:blank', title: 'Not Found', status: 404 })).toBeUndefined();
    expect(problemIn({ type: '/problems/toString', title: '', status: 404 })).toBeUndefined();
  });

  it('has the headers that a status asks for', () => {
    expect(headersOf({ name: 'kernel-busy', detail: '', members: {} })).toEqual({ 'retry-after': '1' });
    expect(headersOf({ name: 'range-not-satisfiable', detail: '', members: { size_bytes: 7 } })).toEqual({
      'content-range': 'bytes */7',
    });
    const members = { quota: 'requests_per_minute', limit: 3, retry_after_s: 7 };
    expect(headersOf({ name: 'over-quota', detail: '', members })).toEqual({
      'retry-after': '7',
      'ratelimit-policy': '3;w=60',
      'ratelimit-limit': '3',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '7',
    });
    expect(headersOf({ name: 'unauthorized', detail: '', members: {} })).toHaveProperty('www-authenticate');
  });
});

describe('exit codes', () => {
  it.each([
    ['invalid-request', 'usage'],
    ['no-file-system', 'image'],
    ['EUCLEAN', 'image'],
    ['empty-body', 'image'],
    ['ESTALE', 'failed'],
    ['kernel-busy', 'failed'],
    ['unauthorized', 'failed'],
  ] as const)('%s is %s', (name, kind) => expect(exitKind({ name })).toBe(kind));
});

describe('exceptions', () => {
  it("of a call have Node's members", () => {
    const told = new ToldError({ name: 'ENOENT', detail: 'openat x: …', members: { syscall: 'openat', path: 'x' } });
    expect(exceptionOf(told)).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'openat', path: 'x', cause: told });
  });

  it('of ours have a code in the same manner', () => {
    const exception = exceptionOf(new HostError('no-file-system'));
    expect(exception).toBeInstanceOf(LinuxException);
    expect(exception).toMatchObject({ code: 'ERR_NO_FILE_SYSTEM', message: 'no file system was found' });
    expect(exception).not.toHaveProperty('errno');
  });

  it('of anyone else stay what they are', () => {
    const cause = new TypeError('not ours');
    expect(exceptionOf(cause)).toBe(cause);
    expect(problemOf(cause)).toEqual({ name: 'internal', detail: 'an unforeseen error', members: {} });
  });
});
