/** One file or directory of an image as a response. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { OpenedDirectory, OpenedFile } from '../../jobs/image-files.ts';
import { quoted } from '../conditions.ts';
import type { Env } from '../env.ts';
import { type ByteRange, parseRange } from '../range.ts';
import { fromPercent } from '../raw-bytes.ts';
import { streamed } from '../stream.ts';
import { cursorOf, type directory, entryJson, nameOfCursor } from './schema.ts';

/** The path in the URL as bytes: a router would decode it as UTF-8. */
export function rawPath(c: Context<Env>): Uint8Array {
  const [, path = ''] = /^\/v1\/images\/[^/]+\/files\/(.*)$/.exec(new URL(c.req.url).pathname) ?? [];
  return fromPercent(path);
}

/** The file, or the range of it that the request asks for. */
export async function fileResponse(c: Context<Env>, file: OpenedFile, etag: string): Promise<Response> {
  const { sizeBytes } = file;
  const range = await closingOnError(file, () => wantedRange(c, sizeBytes, etag));
  const { offset, length } = range ?? { offset: 0, length: sizeBytes };
  const body = await streamed(
    (sink) => file.read(offset, length, sink).finally(() => file.close()),
    c.var.jobs.keepAlive,
    c.var.log,
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
function wantedRange(c: Context<Env>, sizeBytes: number, etag: string): ByteRange | undefined {
  const ifRange = c.req.header('if-range');
  return ifRange === undefined || ifRange === quoted(etag) ? parseRange(c.req.header('range'), sizeBytes) : undefined;
}

async function closingOnError<T>(file: OpenedFile, action: () => T): Promise<T> {
  try {
    return action();
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

export async function listPage(
  opened: OpenedDirectory,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<z.infer<typeof directory>> {
  try {
    const { entries, more } = await opened.list(limit, nameOfCursor(cursor));
    return { entries: entries.map(entryJson), ...(more ? { cursor: cursorOf(entries) } : {}) };
  } finally {
    await opened.close();
  }
}
