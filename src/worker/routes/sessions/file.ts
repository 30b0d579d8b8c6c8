/** Files of a session as requests and responses. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ByteRange, wantedRange } from '../../../tree/byte-range.ts';
import type { Condition } from '../../storage/image-entry.ts';
import { quoted } from '../conditions.ts';
import type { Env } from '../env.ts';
import { rawPath } from '../image-content/file.ts';
import { nameOfCursor, pageJson } from '../image-content/schema.ts';
import { imageJson } from '../images/schema.ts';
import { modeOf, rolledBackHeader, type saveFileQuery, type sessionFileQuery } from './schema.ts';

export async function getFile(
  c: Context<Env>,
  id: string,
  { limit, cursor, 'on-error': onError }: z.infer<typeof sessionFileQuery>,
): Promise<Response> {
  // There is nothing that would tell versions of a file apart: with If-Range it is all (RFC 9110 13.1.5).
  const range = c.req.header('if-range') === undefined ? wantedRange(c.req.header('range')) : undefined;
  const found = await c.var.sessions.openPath(id, rawPath(c), { range, limit, after: nameOfCursor(cursor), onError });
  const told = rolledBackHeader(found);
  if (found.type === 'directory') return c.json(pageJson(found), 200, told);
  return bytesAnswer(c, found, told);
}

/** GET of a disk. */
export async function getDisk(c: Context<Env>, id: string, disk: string): Promise<Response> {
  const range = c.req.header('if-range') === undefined ? wantedRange(c.req.header('range')) : undefined;
  const found = await c.var.sessions.openDisk(id, disk, range);
  return bytesAnswer(c, found, rolledBackHeader(found));
}

/** The disk whole into storage. */
export async function saveDisk(c: Context<Env>, id: string, disk: string, name: string, condition: Condition) {
  // Before a byte of it is read.
  await c.var.jobs.images.mayWrite(name);
  const { body: stream, sizeBytes: lengthBytes } = await c.var.sessions.openDisk(id, disk, undefined);
  const { image, created } = await c.var.jobs.images.put(name, { stream, lengthBytes, compression: 'none' }, condition);
  return c.json(imageJson(image), created ? 201 : 200, { etag: quoted(image.etag) });
}

/** What an answer of bytes has: their size, when it is known, and the part of them that it is. */
interface Found {
  readonly sizeBytes?: number;
  readonly range?: ByteRange;
  readonly body: ReadableStream<Uint8Array>;
}

function bytesAnswer(c: Context<Env>, { sizeBytes, range: part, body }: Found, told: Record<string, string>): Response {
  const headers = { ...told, 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' };
  if (sizeBytes === undefined) return c.body(body, 200, headers);
  const { offset, length } = part ?? { offset: 0, length: sizeBytes };
  return c.body(body.pipeThrough(new FixedLengthStream(length)), part ? 206 : 200, {
    ...headers,
    ...(part && { 'content-range': `bytes ${offset}-${offset + length - 1}/${sizeBytes}` }),
    'content-length': String(length),
    'accept-ranges': 'bytes',
  });
}

export async function putFile(c: Context<Env>, id: string, { mode }: z.infer<typeof saveFileQuery>) {
  const file = { path: rawPath(c), mode: modeOf(mode), body: c.req.raw.body };
  const saved = await c.var.sessions.saveFile(id, file);
  return c.body(null, saved.created ? 201 : 204, rolledBackHeader(saved));
}
