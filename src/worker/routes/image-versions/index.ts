/** Handlers of /v1/images/{name}/versions and /raw. */

import { deflateSync } from 'node:zlib';
import type { Context } from 'hono';
import type { ByteSource } from '../../../storage/byte-source.ts';
import type { MadeFormat } from '../../../storage/formats/make/made-formats.ts';
import { makers } from '../../../storage/formats/make/makers.ts';
import { streamed } from '../answers/stream.ts';
import { conditionOf, quoted, unchanged } from '../conditions.ts';
import type { Env } from '../env.ts';
import { fileResponse } from '../image-content/file.ts';
import { imageJson } from '../images/schema.ts';
import { router } from '../router.ts';
import { dropImageVersion, getImageRaw, listImageVersions, restoreImageVersion } from './route.ts';
import { versionsJson } from './schema.ts';

export const imageVersions = router();

imageVersions.openapi(listImageVersions, async (c) => {
  const found = await c.var.jobs.versions.list(c.req.valid('param').name);
  return c.json(versionsJson(found), 200, { etag: quoted(found.etag) });
});

imageVersions.openapi(restoreImageVersion, async (c) => {
  const { name, id } = c.req.valid('param');
  const image = await c.var.jobs.versions.restore(name, id, conditionOf(c.req.valid('header')));
  return c.json(imageJson(image), 200, { etag: quoted(image.etag) });
});

imageVersions.openapi(dropImageVersion, async (c) => {
  const { name, id } = c.req.valid('param');
  await c.var.jobs.versions.drop(name, id);
  return c.body(null, 204);
});

imageVersions.openapi(getImageRaw, async (c) => {
  const { name } = c.req.valid('param');
  const { version, format } = c.req.valid('query');
  const { versions } = c.var.jobs;
  const source = await (format === undefined ? versions.raw(name, version) : versions.disk(name, version));
  const etag = format === undefined ? source.etag : `${source.etag}-${format}`;
  const known = c.req.valid('header')['if-none-match'];
  if (known !== undefined && unchanged(known, etag)) return c.body(null, 304);
  if (format !== undefined && format !== 'raw') return madeResponse(c, source, format, etag);
  return fileResponse(c, { ...asFile(source), close: async () => {} }, etag);
});

/** Looked through for zeros before the first byte goes out: the client waits for that. */
const LOOK_BYTES = 2 ** 30;

async function madeResponse(c: Context<Env>, disk: ByteSource, format: MadeFormat, etag: string): Promise<Response> {
  const { fileBytes, writeTo } = await makers[format].stream(disk, {
    deflate: deflateSync,
    lookBytes: LOOK_BYTES,
    name: etag,
  });
  const pipe = fileBytes === undefined ? undefined : new FixedLengthStream(fileBytes);
  const body = await streamed(writeTo, c.var, pipe);
  return c.body(body, 200, {
    ...(fileBytes !== undefined && { 'content-length': String(fileBytes) }),
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    etag: quoted(etag),
  });
}

/** Bytes read at a time, while those before are on their way: few requests to storage, little memory. */
const PIECE_BYTES = 2 ** 20;

const asFile = (source: ByteSource) => ({
  sizeBytes: source.sizeBytes,
  async read(offset: number, length: number, sink: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
    const piece = async (at: number) => {
      const bytes = new Uint8Array(Math.min(PIECE_BYTES, offset + length - at));
      await source.read(at, bytes);
      return bytes;
    };
    let next = piece(offset);
    for (let at = offset; at < offset + length; at += PIECE_BYTES) {
      const bytes = await next;
      if (at + PIECE_BYTES < offset + length) {
        next = piece(at + PIECE_BYTES);
        next.catch(() => {}); // awaited above, unless this one fails first
      }
      await sink(bytes);
    }
  },
});
