/** What lies beside an image and what opens it, over HTTP: other stored images by query, secrets by headers alone. */

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { fromBase64 } from '../../../bytes/base64.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Unlock } from '../../../image/stack/keyring.ts';
import type { Env } from '../env.ts';
import { NAME } from '../images/schema.ts';

const storedName = z.string().regex(NAME, 'the name of an image');
/** Each slot of a kernel has one disk, and some are for the image itself and for views of it. */
const MAX_ALSO = 15;

export const stackQuery = {
  also: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(storedName).max(MAX_ALSO).optional())
    .openapi({
      type: 'array',
      items: { type: 'string' },
      description:
        'Stored images that are disks of the same machine: members of an array, of a volume group, of a btrfs. May be repeated.',
    }),
  header: storedName
    .optional()
    .openapi({ description: 'A stored image that is the detached header of an encrypted volume.' }),
};

/** What these name. */
export interface StackNames {
  readonly also?: readonly string[] | undefined;
  readonly header?: string | undefined;
}

const PASSPHRASE = 'lkl-passphrase';
const KEY = 'lkl-key';

/** Never looked at by a validator, whose words would have the value in them. */
export const secretHeaders = {
  [PASSPHRASE]: z.string().optional().openapi({
    description: 'Opens encrypted volumes: a passphrase of printable ASCII. It is neither logged nor kept.',
  }),
  [KEY]: z.string().optional().openapi({
    description: 'The same as base64: another passphrase, or the bytes of a key file. Several are separated by commas.',
  }),
};

/** Their names, for pages of other origins. */
export const secretHeaderNames: readonly string[] = [PASSPHRASE, KEY];

/** What is answered with a secret is for whoever knows it. */
export function unlockOf(c: Context<Env>): Unlock {
  const secrets: Uint8Array[] = [];
  const passphrase = c.req.header(PASSPHRASE);
  if (passphrase !== undefined) {
    if (!/^[\x20-\x7e]+$/.test(passphrase))
      throw new HostError('invalid-request', `${PASSPHRASE}: it is not printable ASCII; ${KEY} takes bytes`);
    secrets.push(new TextEncoder().encode(passphrase));
  }
  for (const text of c.req.header(KEY)?.split(',') ?? []) {
    const bytes = fromBase64(text.trim());
    if (bytes === undefined || bytes.length === 0) throw new HostError('invalid-request', `${KEY}: it is not base64`);
    secrets.push(bytes);
  }
  if (secrets.length > 0) c.header('cache-control', 'private, no-store');
  return { secrets };
}
