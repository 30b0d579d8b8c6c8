/** Examples of answers, which the Worker gave: beside the schema of each operation's JSON. */

import type { Described } from './bodies/other-types.ts';
import recorded from './examples.json' with { type: 'json' };

const examples: Readonly<Record<string, unknown>> = recorded;

interface Operation {
  readonly operationId?: string;
  readonly responses: Readonly<Record<string, Described>>;
}

/** The operation with its example, where there is one, in every answer of success that is JSON. */
export function withExample<T extends object>(operation: T): T {
  const { operationId = '', responses } = operation as unknown as Operation;
  const example = examples[operationId];
  if (example === undefined) return operation;
  const shown = Object.entries(responses).map(([status, response]) => {
    const json = response.content?.['application/json'];
    if (!status.startsWith('2') || json === undefined) return [status, response];
    return [status, { ...response, content: { ...response.content, 'application/json': { ...json, example } } }];
  });
  return { ...operation, responses: Object.fromEntries(shown) };
}
