/** Examples in the OpenAPI document: every JSON answer has one, as its schema has it. */

import { type Schema, Validator } from '@cfworker/json-schema';
import { expect, it } from 'vitest';
import document from '../openapi/v1.json' with { type: 'json' };

interface Answers {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema; example?: unknown }> }>>;
}

/** The document is no example of itself. */
const answers = Object.values(document.paths as unknown as Record<string, Record<string, Answers>>)
  .flatMap((item) => Object.values(item))
  .filter(({ operationId }) => operationId !== 'getOpenapi')
  .flatMap(({ operationId, responses }) =>
    Object.entries(responses).flatMap(([status, { content }]) => {
      const json = content?.['application/json'];
      return status.startsWith('2') && json ? [{ name: `${operationId} ${status}`, ...json }] : [];
    }),
  );

it.each(answers)('of $name fits its schema', ({ schema, example }) => {
  expect(example).toBeDefined();
  const described = { ...schema, components: document.components } as Schema;
  expect(new Validator(described, '2020-12', false).validate(example).errors).toEqual([]);
});

it('are there for most operations', () => {
  expect(answers.length).toBeGreaterThan(25);
});
