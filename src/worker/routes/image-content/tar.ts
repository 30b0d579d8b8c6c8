/** A tar or a zip as a response: what a query asks for, and the stream that answers it. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Sink } from '../../../archive/chunk-writer.ts';
import type { TarRequest } from '../../../linux.ts';
import { streamed } from '../answers/stream.ts';
import { queryBytes } from '../bodies/raw-bytes.ts';
import type { Env } from '../env.ts';
import { type ContentRequest, mountRequest, type tarQuery, type zipQuery } from './schema.ts';
import { unlockOf } from './stack.ts';

/** Runs `job` for the request that `query` makes and answers what it writes; `name` is the tar's, without suffix. */
export async function tarResponse(
  c: Context<Env>,
  query: z.infer<typeof tarQuery>,
  name: string,
  job: (request: TarRequest & ContentRequest, sink: Sink) => Promise<void>,
): Promise<Response> {
  const { compress } = query;
  const request = archiveRequest(c, query);
  const tar = await streamed((sink) => job(request, sink), c.var);
  const gzip = compress === 'gzip';
  return c.body(gzip ? tar.pipeThrough(new CompressionStream('gzip')) : tar, 200, {
    'content-type': gzip ? 'application/gzip' : 'application/x-tar',
    'content-disposition': `attachment; filename="${name}.tar${gzip ? '.gz' : ''}"`,
  });
}

/** The same as a zip. */
export async function zipResponse(
  c: Context<Env>,
  query: z.infer<typeof zipQuery>,
  name: string,
  job: (request: TarRequest & ContentRequest, sink: Sink) => Promise<void>,
): Promise<Response> {
  const request = { ...archiveRequest(c, query), form: 'zip', directoryBytes: ZIP_DIRECTORY_BYTES } as const;
  const zip = await streamed((sink) => job(request, sink), c.var);
  return c.body(zip, 200, {
    'content-type': 'application/zip',
    'content-disposition': `attachment; filename="${name}.zip"`,
  });
}

function archiveRequest(c: Context<Env>, query: z.infer<typeof zipQuery>): TarRequest & ContentRequest {
  const path = queryBytes(c.req.url, 'path');
  return {
    ...mountRequest(query),
    unlock: unlockOf(c),
    onError: query['on-error'],
    chunkBytes: CHUNK_BYTES,
    reused: true, // what `streamed` answers settles once the runtime has taken all of the chunk
    ...(path && { path: relative(path) }),
  };
}

/** Some 100,000 files: beside it an isolate has its kernels. */
const ZIP_DIRECTORY_BYTES = 16 * 2 ** 20;

/**
 * Each write wakes the runtime and comes back: small ones cost more than their bytes. Larger ones gain little and ask more
 * of a slow client, which has to take one within the time of the stall watch.
 */
const CHUNK_BYTES = 256 * 1024;

const SLASH = 0x2f;

/** "/etc" and "etc" are the same directory; "/" and "" are the root. */
function relative(path: Uint8Array): Uint8Array {
  const start = path.findIndex((byte) => byte !== SLASH);
  return start < 0 ? new TextEncoder().encode('.') : path.subarray(start);
}
