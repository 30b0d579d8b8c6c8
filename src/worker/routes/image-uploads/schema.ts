/** Uploads in parts, as JSON. */

import { z } from '@hono/zod-openapi';
import type { UploadedPart } from '../../images/uploads.ts';
import { MAX_PARTS, MAX_PUT_BYTES, MIN_PART_BYTES } from '../../storage/r2-objects.ts';
import type { MarkedUpload } from '../../storage/upload-marks.ts';
import { decimal } from '../decimal.ts';
import { imageName } from '../images/schema.ts';

export const uploadParams = z.object({
  name: imageName,
  id: z.string().min(1).max(1024).openapi({ description: 'As the upload began with.' }),
});

export const partParams = uploadParams.extend({
  part: decimal(1, MAX_PARTS).openapi({ description: 'From 1; gaps are allowed.' }),
});

export const upload = z
  .object({
    id: z.string().openapi({ description: 'Names the upload in what follows.' }),
    name: z.string().openapi({ description: 'Of the image that it will be.', example: 'debian-12.ext4' }),
    min_part_bytes: z.int().openapi({ description: 'Of every part but the last.' }),
    max_part_bytes: z.int().openapi({ description: 'Of any part.' }),
    max_parts: z.int().openapi({ description: 'How many there may be.' }),
  })
  .openapi('Upload');

export const uploadJson = (name: string, id: string): z.infer<typeof upload> => ({
  id,
  name,
  min_part_bytes: MIN_PART_BYTES,
  max_part_bytes: MAX_PUT_BYTES,
  max_parts: MAX_PARTS,
});

export const uploadList = z
  .object({
    uploads: z
      .array(
        z.object({
          id: z.string().openapi({ description: 'As the upload began with.' }),
          begun: z.iso.datetime().openapi({ description: 'It is dropped seven days later.' }),
        }),
      )
      .openapi({ description: 'Oldest first.' }),
  })
  .openapi('UploadList');

export const begunJson = ({ id, begun }: MarkedUpload) => ({ id, begun: begun.toISOString() });

export const uploadedPart = z
  .object({
    part: z.int().min(1).max(MAX_PARTS).openapi({ description: 'Its number.', example: 1 }),
    etag: z.string().min(1).openapi({ description: 'Names its bytes.' }),
    size_bytes: z.int().positive().openapi({ description: 'How many those are.', example: 8388608 }),
  })
  .openapi('UploadedPart');

export const completion = z
  .strictObject({
    parts: z.array(uploadedPart).min(1).openapi({ description: 'As their uploads answered, in ascending order.' }),
  })
  .openapi('Completion');

export const partJson = ({ part, etag, sizeBytes }: UploadedPart): z.infer<typeof uploadedPart> => ({
  part,
  etag,
  size_bytes: sizeBytes,
});

export const fromPartJson = ({ part, etag, size_bytes }: z.infer<typeof uploadedPart>): UploadedPart => ({
  part,
  etag,
  sizeBytes: size_bytes,
});
