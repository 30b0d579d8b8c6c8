/** Members of a network's JSON that have units or names. Descriptions end with "Default: …", which the documentation takes apart. */

import { z } from '@hono/zod-openapi';
import { suchAs } from '../invalid/expected.ts';

export const MAX_WORDS = 64;

/** A word that must be there. */
export const word = (description: string, example: string) =>
  z
    .string({ error: suchAs(example) })
    .max(MAX_WORDS)
    .openapi({ description, example });
const optional = (description: string, example: string) => word(description, example).optional();

export const time = (description: string, example = '20ms') => optional(description, example);
export const percent = (description: string, example = '1%') => optional(description, example);
export const rate = (description: string, example = '10mbit') => optional(description, example);
export const size = (description: string, example = '150kb') => optional(description, example);
export const count = (description: string, example: number) =>
  z
    .int({ error: suchAs(example) })
    .optional()
    .openapi({ description, example });
export const flag = (description: string) => z.boolean().optional().openapi({ description, example: true });
export const name = z.string().min(1).max(MAX_WORDS);
export const named = (description: string, example: string) =>
  z
    .string({ error: suchAs(example) })
    .min(1)
    .max(MAX_WORDS)
    .openapi({ description, example });

/** Members by name. zod leaves `__proto__` out, which JSON has like any other. */
export const byName = <T extends z.ZodType>(schema: T) =>
  z.preprocess(
    (value, c) => {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
        c.addIssue({ code: 'custom', path: ['__proto__'], message: 'no name' });
      return value;
    },
    z.record(name, schema),
  );

export const sysctls = z.record(z.string().max(128), z.union([z.string().max(1024), z.number()])).openapi({
  description: 'Of the namespace of this node, by their names: what is in `net`. Set before any link is up.',
  example: { 'net.ipv4.tcp_sack': '0' },
});
