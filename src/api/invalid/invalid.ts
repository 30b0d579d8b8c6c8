/** What is not valid in a JSON document, each by its place: for HTTP, the command, the library and the page alike. */

import type { z } from '@hono/zod-openapi';
import { jsonPath } from '../../errors/json-path.ts';
import { expected, isOfWhole } from './expected.ts';
import { withFewMistakes } from './few-mistakes.ts';

export interface Invalid {
  readonly code: string;
  /** links[0].rate; empty: the document itself. */
  readonly path: string;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** Of alternatives, what is wrong with the one that was meant: that which the least is wrong with. */
function meantOf(errors: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const wrong = (issues: readonly Issue[]): number =>
    issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
  const possible = errors.filter((issues) => !issues.some(isOfWhole));
  return possible.toSorted((a, b) => wrong(a) - wrong(b))[0];
}

function found(issue: Issue, above: readonly PropertyKey[]): Invalid[] {
  const path = [...above, ...issue.path];
  const { code, message } = issue;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ code, path: jsonPath([...path, key]), message }));
  const meant = issue.code === 'invalid_union' ? meantOf(issue.errors) : undefined;
  return meant ? meant.flatMap((one) => found(one, path)) : [{ code, path: jsonPath(path), message }];
}

/** As many are told; a document of a hundred thousand mistakes has no answer that is many times as long. */
const MOST_TOLD = 50;

/** Of what zod found, with `expected` as its words. */
export function invalidIn(issues: readonly Issue[]): Invalid[] {
  const all = issues.flatMap((issue) => found(issue, []));
  if (all.length <= MOST_TOLD) return all;
  const more = { code: 'custom', path: '', message: `${all.length - MOST_TOLD} more are not valid` };
  return [...all.slice(0, MOST_TOLD), more];
}

/** What the document says, or all that is wrong with it. */
export function readAs<T extends z.ZodType>(
  schema: T,
  value: unknown,
): { readonly data: z.output<T> } | { readonly invalid: readonly Invalid[] } {
  const parsed = withFewMistakes(schema).safeParse(value, { error: (issue) => expected(issue) });
  return parsed.success ? { data: parsed.data } : { invalid: invalidIn(parsed.error.issues) };
}

/** "links[0].rate: must be a string, not 10": `document` is what the whole is called. */
export const inWords = (invalid: readonly Invalid[], document: string): string[] =>
  invalid.map(({ path, message }) => `${path || document}: ${message}`);
