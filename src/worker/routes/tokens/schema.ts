/** Tokens as JSON. */

import { z } from '@hono/zod-openapi';
import { type Scope, scopeNames, scopes } from '../../access/principal.ts';
import type { TokenRow } from '../../access/token.ts';

const DAY_S = 86_400;

const scope = z
  .enum(scopeNames as [Scope, ...Scope[]])
  .openapi('Scope', { description: scopeNames.map((name) => `\`${name}\`: ${scopes[name]}`).join(' ') });

const name = z.string().min(1).max(100).openapi({ description: 'For people.', example: 'ci' });
const prefixes = z
  .array(
    z
      .string()
      .min(1)
      .max(513)
      .regex(/^[A-Za-z0-9._~-]*\*?$/, "It is the beginning of an image's name, with or without a * at its end."),
  )
  .min(1)
  .max(50)
  .openapi({
    description:
      'Beginnings of the names of images that it may read or write, whoever owns them; `*`: of all. Absent: its own, and those that nobody owns.',
    example: ['build-'],
  });

export const newToken = z
  .strictObject({
    name,
    scopes: z
      .array(scope)
      .min(1)
      .openapi({ description: 'What it may do.', example: ['images:read', 'convert'] }),
    images: prefixes.optional(),
    expires_in_s: z
      .int()
      .min(60)
      .max(3650 * DAY_S)
      .optional()
      .openapi({ description: 'Seconds for which it is good. Absent: until it is revoked.', example: 90 * DAY_S }),
  })
  .openapi('NewToken');

export const tokenParams = z.object({
  id: z
    .string()
    .regex(/^[a-z0-9]{10}$/)
    .openapi({ param: { name: 'id', in: 'path' }, description: 'As the list has it.', example: 'k3jq5abcde' }),
});

const fields = {
  id: z.string().openapi({ description: 'Stays the same when it is rotated.', example: 'k3jq5abcde' }),
  name,
  scopes: z.array(scope).openapi({ description: 'What it may do.' }),
  images: prefixes.optional(),
  created: z.iso.datetime().optional().openapi({ description: 'Absent for one of the binding.' }),
  expires: z.iso.datetime().optional().openapi({ description: 'Absent: when it is revoked.' }),
};

export const token = z.object(fields).openapi('Token');
export const givenToken = z
  .object({
    ...fields,
    token: z
      .string()
      .openapi({ description: 'The token itself: shown now, and never again.', example: 'lkl_k3jq5abcde_…' }),
  })
  .openapi('GivenToken');
export const tokenList = z
  .object({ tokens: z.array(token).openapi({ description: 'All there are.' }) })
  .openapi('TokenList');

export const principal = z
  .object({
    id: z.string().openapi({ description: 'Whose sessions are whose goes by it.', example: 'token:k3jq5abcde' }),
    scopes: z.array(scope).openapi({ description: 'What you may do.' }),
    images: prefixes.optional(),
  })
  .openapi('Principal');

/** Every name begins with nothing: that is a star to people. */
export const shown = (images: readonly string[]): string[] => images.map((prefix) => prefix || '*');

const iso = (ms: number): string => new Date(ms).toISOString();

export const tokenJson = ({ id, name, scopes, images, createdMs, expiresMs }: TokenRow): z.infer<typeof token> => ({
  id,
  name,
  scopes: [...scopes],
  ...(images && { images: shown(images) }),
  ...(createdMs > 0 && { created: iso(createdMs) }),
  ...(expiresMs !== undefined && { expires: iso(expiresMs) }),
});
