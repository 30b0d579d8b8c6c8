/** What a JSON document should have had where it has something else, in words: zod says it in those of its own types. */

import type { z } from '@hono/zod-openapi';

type Raw = Parameters<z.core.$ZodErrorMap>[0];

const kinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
const kindOf = (expected: string): string => kinds[expected] ?? expected;

/** Of `z.int()`, which calls itself a number until one comes that is not whole. */
const isWhole = ({ inst }: Raw): boolean =>
  (inst?._zod.def as { readonly format?: string } | undefined)?.format === 'safeint';

/** How a string's form is called. */
const forms: Readonly<Record<string, string>> = {
  base64: 'base64',
  datetime: 'a date and time, "2026-01-31T12:00:00Z"',
};

const MAX_SHOWN = 60;
const quoted = (value: unknown): string => JSON.stringify(value);

/** A value, short: of a list or an object what it is. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > MAX_SHOWN ? `${quoted(value.slice(0, MAX_SHOWN))}…` : quoted(value);
}

const anyOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

const must = (what: string, value: unknown): string =>
  value === undefined ? `must be given: ${what}` : `must be ${what}, not ${shown(value)}`;

/** "2 elements", of what is counted and not compared. */
function amount(n: number | bigint, origin: string): string {
  const counted = { string: 'character', array: 'element', set: 'element', object: 'member', record: 'member' }[origin];
  return counted === undefined ? String(n) : `${n} ${counted}${Number(n) === 1 ? '' : 's'}`;
}

function bound(most: 'at least' | 'at most', n: number | bigint, issue: Raw & { readonly origin: string }): string {
  const number = amount(n, issue.origin);
  const isCounted = number !== String(n);
  const inclusive = !('inclusive' in issue) || issue.inclusive !== false;
  const limit = inclusive ? `${number} ${most}` : `${most === 'at least' ? 'more' : 'less'} than ${number}`;
  if (!isCounted) return `must be ${limit}, not ${shown(issue.input)}`;
  return Array.isArray(issue.input) ? `must have ${limit}, not ${issue.input.length}` : `must have ${limit}`;
}

/** What an alternative asks of the value itself, not of what is in it. */
export const isOfWhole = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');

function alternatives(errors: readonly (readonly z.core.$ZodIssue[])[]): string[] {
  const names = errors.flat().flatMap((issue) => {
    if (!isOfWhole(issue)) return [];
    if (issue.code === 'invalid_type') return [kindOf(issue.expected)];
    return issue.code === 'invalid_value' ? issue.values.map(quoted) : [];
  });
  return [...new Set(names)];
}

/** How far two words are from each other, in letters: Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The member that was meant, where one is written nearly so. */
function meant(key: string, known: readonly string[]): string | undefined {
  const near = known
    .map((name) => ({ name, far: distance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, far }) => far <= Math.min(2, Math.floor(name.length / 3)));
  return near.toSorted((a, b) => a.far - b.far)[0]?.name;
}

function unknownMembers(issue: Extract<Raw, { readonly code: 'unrecognized_keys' }>): string {
  const shape = (issue.inst?._zod.def as { readonly shape?: object } | undefined)?.shape ?? {};
  const known = Object.keys(shape);
  const [key = '', ...others] = issue.keys;
  const near = others.length === 0 ? meant(key, known) : undefined;
  if (near !== undefined) return `there is no such member; ${quoted(near)} is one`;
  return `there is no such member; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
}

/** For zod's `error`. What a schema says itself (`custom`, a message of its own) is left as it is. */
export function expected(issue: Raw, example?: unknown): string | undefined {
  const such = example === undefined ? '' : `, such as ${quoted(example)}`;
  switch (issue.code) {
    case 'invalid_type':
      return must(kindOf(isWhole(issue) ? 'int' : issue.expected) + such, issue.input);
    case 'invalid_value':
      return must(anyOf(issue.values.map(quoted)), issue.input);
    case 'too_small':
      return bound('at least', issue.minimum, issue);
    case 'too_big':
      return bound('at most', issue.maximum, issue);
    case 'not_multiple_of':
      return must(`a multiple of ${issue.divisor}`, issue.input);
    case 'invalid_format': {
      const form = forms[issue.format] ?? ('pattern' in issue ? `of the form ${issue.pattern}` : `a ${issue.format}`);
      return must(form + such, issue.input);
    }
    case 'unrecognized_keys':
      return unknownMembers(issue);
    case 'invalid_key':
      return `${issue.issues.map(({ message }) => message).join(', ')}: as the name of a member`;
    case 'invalid_union': {
      if (issue.errors.length > 0) return must(anyOf(alternatives(issue.errors)), issue.input);
      const { discriminator = '', options = [] } = issue as typeof issue & { readonly options?: readonly unknown[] };
      const input = issue.input as Readonly<Record<string, unknown>> | undefined;
      return must(anyOf(options.map(quoted)), input?.[discriminator]);
    }
    default:
      return undefined;
  }
}

/** The same of a member of which an example is known: the `error` of its schema. */
export const suchAs = (example: unknown) => (issue: Raw) => expected(issue, example);
