/** Examples beside the schemas of each operation's JSON: bodies to send, and answers that the Worker gave. */

import type { Described } from '../bodies/other-types.ts';
import answers from './answers.json' with { type: 'json' };
import { bodies } from './bodies.ts';

interface Operation {
  readonly operationId?: string;
  readonly requestBody?: Described;
  readonly responses: Readonly<Record<string, Described>>;
}

/** The operation with its examples, where there are some: in its body, and in every answer of success. */
export function withExamples<T extends object>(operation: T): T {
  const { operationId = '', requestBody, responses } = operation as unknown as Operation;
  const answer = (answers as Readonly<Record<string, unknown>>)[operationId];
  const shown = Object.entries(responses).map(([status, response]) => [
    status,
    status.startsWith('2') ? withJson(response, answer) : response,
  ]);
  return {
    ...operation,
    ...(requestBody && { requestBody: withJson(requestBody, bodies[operationId]) }),
    responses: Object.fromEntries(shown),
  };
}

function withJson(described: Described, example: unknown): Described {
  const json = described.content?.['application/json'];
  if (json === undefined || example === undefined) return described;
  return { ...described, content: { ...described.content, 'application/json': { ...json, example } } };
}
