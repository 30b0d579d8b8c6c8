/** Versions of an image as JSON. */

import { z } from '@hono/zod-openapi';
import { UPLOADED } from '../../../storage/volume/versions.ts';
import type { ImageVersions } from '../../images/versions.ts';
import { imageName } from '../images/schema.ts';

const id = z
  .union([z.literal(UPLOADED), z.string().regex(/^[0-9a-f]{16}-\d{1,9}$/)])
  .openapi({ type: 'string', description: '`uploaded`, or a version as the list has it.', example: UPLOADED });

/** Which version of an image is read; shared by every route that reads one. */
export const versionQuery = {
  version: id.optional().openapi({
    description: 'The image as it was in that version, or as it was `uploaded`. Default: as it is.',
  }),
};

export const versionParams = z.object({
  name: imageName,
  id: id.openapi({ param: { name: 'id', in: 'path' } }),
});

const version = z
  .object({
    id: z.string().openapi({ description: 'Names it.', example: '9f86d081884c7d65-0' }),
    created: z.iso.datetime().openapi({ description: 'When it was written.' }),
    parent: z.string().openapi({ description: 'The version it was made from, or `uploaded`.', example: UPLOADED }),
    written_bytes: z.int().openapi({ description: 'What storing it took.', example: 262144 }),
  })
  .openapi('ImageVersion');

export const versions = z
  .object({
    current: z.string().openapi({ description: 'The one that the image is now, or `uploaded`.', example: UPLOADED }),
    versions: z.array(version).openapi({ description: 'Oldest first; what was uploaded is there beside them.' }),
  })
  .openapi('ImageVersions');

export const versionsJson = ({ current, versions: all }: ImageVersions): z.infer<typeof versions> => ({
  current,
  versions: all.map(({ id, createdMs, parent, writtenBytes }) => ({
    id,
    created: new Date(createdMs).toISOString(),
    parent: parent ?? UPLOADED,
    written_bytes: writtenBytes,
  })),
});
