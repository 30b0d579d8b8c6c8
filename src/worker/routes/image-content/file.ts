/** One file or directory of an image as a response. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { rangeOf, wantedRange } from '../../../tree/byte-range.ts';
import type { OnError, OpenedDirectory, OpenedFile } from '../../../tree/files.ts';
import { streamed } from '../answers/stream.ts';
import { fromPercent } from '../bodies/raw-bytes.ts';
import { quoted } from '../conditions.ts';
import type { Env } from '../env.ts';
import { type directory, nameOfCursor, pageJson } from './schema.ts';

/** The path of a file in the URL as bytes: a router would decode it as UTF-8. */
export function rawPath(c: Context<Env>): Uint8Array {
  const [, path = ''] = /^\/v1\/\w+\/[^/]+\/files\/(.*)$/.exec(new URL(c.req.url).pathname) ?? [];
  return fromPercent(path);
}

/** The file, or the range of it that the request asks for. */
export async function fileResponse(
  c: Context<Env>,
  file: Pick<OpenedFile, 'sizeBytes' | 'read' | 'close'>,
  etag: string,
): Promise<Response> {
  const { sizeBytes } = file;
  const wanted = isOfVersion(c, etag) ? wantedRange(c.req.header('range')) : undefined;
  const range = wanted && (await closingOnError(file, () => rangeOf(wanted, sizeBytes)));
  const { offset, length } = range ?? { offset: 0, length: sizeBytes };
  const body = await streamed(
    (sink) => file.read(offset, length, sink).finally(() => file.close()),
    c.var,
    new FixedLengthStream(length),
  );
  return c.body(body, range ? 206 : 200, {
    ...(range && { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` }),
    'content-length': String(length),
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    etag: quoted(etag),
  });
}

/** If-Range: the range only of the version the client has part of already (RFC 9110 13.1.5). */
function isOfVersion(c: Context<Env>, etag: string): boolean {
  const ifRange = c.req.header('if-range');
  return ifRange === undefined || ifRange === quoted(etag);
}

async function closingOnError<T>(file: Pick<OpenedFile, 'close'>, action: () => T): Promise<T> {
  try {
    return action();
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

export async function listPage(
  opened: OpenedDirectory,
  {
    limit,
    cursor,
    onError,
  }: { readonly limit: number; readonly cursor?: string | undefined; readonly onError: OnError },
): Promise<z.infer<typeof directory>> {
  try {
    return pageJson(await opened.list(limit, nameOfCursor(cursor), onError));
  } finally {
    await opened.close();
  }
}
