/** Conditional requests (RFC 9110, section 13) on one entity tag or any. */

import { z } from '@hono/zod-openapi';
import type { Condition } from '../storage/image-entry.ts';

const TAG = /^"[\x21\x23-\x7e]+"$/;

/** Of a request that changes the image. */
export const writeConditions = z.object({
  'if-match': z
    .union([z.literal('*'), z.string().regex(TAG)])
    .optional()
    .openapi({ type: 'string', description: 'Only if the image is this version, or with `*`: any.' }),
  'if-none-match': z
    .literal('*')
    .optional()
    .openapi({ type: 'string', description: '`*`: only if there is no such image yet.' }),
});

export function conditionOf(headers: z.infer<typeof writeConditions>): Condition {
  const ifMatch = headers['if-match'];
  return { ifMatch: ifMatch === undefined ? undefined : unquoted(ifMatch), ifNoneMatch: headers['if-none-match'] };
}

/** Of a request that reads. */
export const readConditions = z.object({
  'if-none-match': z
    .string()
    .optional()
    .openapi({ description: 'Answer 304 if the image is still one of these versions.' }),
});

export const quoted = (etag: string): string => `"${etag}"`;

const unquoted = (tag: string): string => tag.replaceAll('"', '');

/** Whether the client has this version already; tags are compared weakly (13.1.2). */
export function unchanged(ifNoneMatch: string, etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(quoted(etag));
}
