/** Examples in the OpenAPI document: every JSON answer and every body that is asked for has one, as its schema has it. */

import { type Schema, Validator } from '@cfworker/json-schema';
import { expect, it } from 'vitest';
import document from '../openapi/v1.json' with { type: 'json' };

interface Described {
  readonly content?: Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>;
}

interface Operation {
  readonly operationId: string;
  readonly requestBody?: Described;
  readonly responses: Readonly<Record<string, Described>>;
}

const operations = Object.values(document.paths as unknown as Record<string, Record<string, Operation>>).flatMap(
  (item) => Object.values(item),
);
const errorsOf = (schema: Schema, value: unknown) =>
  new Validator({ ...schema, components: document.components } as Schema, '2020-12', false).validate(value).errors;

/** The document is no example of itself. */
const answers = operations
  .filter(({ operationId }) => operationId !== 'getOpenapi')
  .flatMap(({ operationId, responses }) =>
    Object.entries(responses).flatMap(([status, { content }]) => {
      const json = content?.['application/json'];
      return status.startsWith('2') && json ? [{ name: `${operationId} ${status}`, ...json }] : [];
    }),
  );

it.each(answers)('of $name fits its schema', ({ schema, example }) => {
  expect(example).toBeDefined();
  expect(errorsOf(schema, example)).toEqual([]);
});

const asked = operations.flatMap(({ operationId, requestBody }) => {
  const json = requestBody?.content?.['application/json'];
  return json ? [{ name: operationId, ...json }] : [];
});

it.each(asked)('of the body of $name fits its schema', ({ schema, example }) => {
  const named = (schema as { $ref?: string }).$ref?.split('/').at(-1) ?? '';
  const shown = example ?? (document.components.schemas as Record<string, { example?: unknown }>)[named]?.example;
  expect(shown).toBeDefined();
  expect(errorsOf(schema, shown)).toEqual([]);
  expect(errorsOf(schema, { ...(shown as object), 'a member that nobody knows': 1 })).not.toEqual([]);
});

it('are there for most operations', () => {
  expect(answers.length).toBeGreaterThan(25);
});
