/** Images as JSON. */

import { z } from '@hono/zod-openapi';
import type { StoredImage } from '../../storage/image-entry.ts';
import { decimal } from '../decimal.ts';

/** Characters that need no escape in a URL (RFC 3986 2.3); no slash, so that what follows the name is never part of it. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,511}$/;

export const imageName = z
  .string()
  .regex(NAME, 'letters, digits, ".", "_", "~", "-"; at most 512, not first punctuation')
  .openapi({ param: { name: 'name', in: 'path' }, example: 'debian-12.ext4' });

export const imageParams = z.object({ name: imageName });

export const image = z
  .object({
    name: z.string().openapi({ description: 'As it was put.', example: 'debian-12.ext4' }),
    size_bytes: z.int().nonnegative().openapi({ description: 'As it is stored, decompressed.', example: 1073741824 }),
    etag: z.string().openapi({ description: 'Names this version, as in the header `ETag`.' }),
    md5: z.hex().optional().openapi({ description: 'Of the whole image; absent for one that was stored in parts.' }),
    uploaded: z.iso.datetime().openapi({ description: 'When this version was stored.' }),
  })
  .openapi('Image');

export const imageJson = ({ name, sizeBytes, etag, md5, uploaded }: StoredImage): z.infer<typeof image> => ({
  name,
  size_bytes: sizeBytes,
  etag,
  ...(md5 === undefined ? {} : { md5 }),
  uploaded: uploaded.toISOString(),
});

export const imagePage = z
  .object({
    images: z.array(image).openapi({ description: 'In byte order of their names.' }),
    cursor: z.string().optional().openapi({ description: 'Asks for what follows; absent at the end.' }),
  })
  .openapi('ImagePage');

export const pageQuery = z.strictObject({
  prefix: z.string().max(512).default('').openapi({ description: 'Only images whose names begin so.' }),
  limit: decimal(1, 1000).default(100),
  cursor: z.string().regex(NAME).optional().openapi({ description: 'As the page before answered.' }),
});
