/** Request bodies that are images: what they are wrapped in, and how long they are. */

import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type Compression, compressions, contentCodings } from '../../../archive/decompress.ts';
import { HostError } from '../../../errors/host-error.ts';
import { expectedDigests } from '../../bodies/digest.ts';
import type { Body } from '../../images/incoming.ts';
import type { Env } from '../env.ts';

/** Bytes of any kind, in a request or a response. */
export const binary = { schema: { type: 'string', format: 'binary' } } as const;

export const imageBody = {
  description:
    'A disk image, raw or in a format of virtual machines. One compressed with gzip, zstd, xz, bzip2, lz4, lzma or lzop, or alone in a zip or 7z, is decompressed on its way in, whether `Content-Encoding` says so or its first bytes do.',
  required: true,
  content: { 'application/octet-stream': binary },
} as const;

export const decompressParam = z
  .enum(['auto', 'none', ...compressions])
  .default('auto')
  .openapi({ description: '`auto` goes by the first bytes of the body; `none` takes it as it is.' });

export const contentEncodingHeader = z
  .string()
  .optional()
  .openapi({ description: '`gzip`, `zstd` or `xz`. It wins over `decompress`.', example: 'zstd' });

/** What an image is never sent as: forms would wrap it, and text is a mistake. curl's default is let through. */
const NOT_AN_IMAGE = /^(multipart|text)\/|^application\/json\b/i;

/** The body of a request for an image. */
export function bodyOf(c: Context<Env>, decompress: Body['compression']): Body {
  const contentType = c.req.header('content-type') ?? '';
  if (NOT_AN_IMAGE.test(contentType)) {
    throw new HostError('unsupported-media-type', `an image is application/octet-stream, not ${contentType}`);
  }
  const coding = contentCoding(c.req.header('content-encoding'));
  return { ...rawBodyOf(c), compression: coding ?? decompress, digests: digestsOf(c) };
}

/** The body as it is. */
export function rawBodyOf(c: Context<Env>): Omit<Body, 'compression'> {
  const length = c.req.header('content-length');
  return { stream: c.req.raw.body, lengthBytes: length === undefined ? undefined : Number(length) };
}

/** Of the bytes as they are sent, coded or not. */
export const digestsOf = (c: Context<Env>) => expectedDigests((name) => c.req.header(name));

function contentCoding(header: string | undefined): Compression | undefined {
  const name = header?.trim().toLowerCase().replace(/^x-/, '') ?? 'identity'; // x-gzip is gzip: RFC 9110 8.4.1.3
  if (name === 'identity' || name === '') return undefined;
  const known = contentCodings.find((compression) => compression === name);
  if (known === undefined) throw new HostError('unsupported-encoding', `content coding ${header}`);
  return known;
}
