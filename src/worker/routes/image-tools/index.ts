/** Handlers of requests that make, check and resize the file system of an image. */

import type { Context } from 'hono';
import { Gathered } from '../../../bytes/gathered.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Contents } from '../../programs/images/trees.ts';
import { bodyOf } from '../bodies/body.ts';
import { conditionOf, quoted } from '../conditions.ts';
import type { Env } from '../env.ts';
import { unlockOf } from '../image-content/stack.ts';
import { filledJson } from '../image-writing/filled.ts';
import { router } from '../router.ts';
import { checkFileSystem, makeFileSystem, resizeImage } from './route.ts';

export const imageTools = router();

/** What a check says beyond that is left out. */
const MAX_OUTPUT_BYTES = 2 ** 20;

imageTools.openapi(makeFileSystem, async (c) => {
  const { name } = c.req.valid('param');
  const { type, size, label, uuid, words, seed, from, ...query } = c.req.valid('query');
  const { ifMatch } = conditionOf(c.req.valid('header'));
  const order = { type, sizeBytes: size, label, uuid, more: words, seed };
  const contents = await contentsOf(c, from, query);
  const condition = ifMatch === undefined ? { ifNoneMatch: '*' as const } : { ifMatch };
  const { etag, version, sizeBytes, filled } = await c.var.jobs.fileSystems.make(name, condition, order, contents);
  const answer = { etag, version, size_bytes: sizeBytes, ...(filled && { filled: filledJson(filled) }) };
  return c.json(answer, 201, { etag: quoted(etag) });
});

async function contentsOf(
  c: Context<Env>,
  image: string | undefined,
  query: {
    readonly 'from-version'?: string | undefined;
    readonly 'from-type'?: string | undefined;
    readonly 'from-partition'?: string | undefined;
  },
): Promise<Contents | undefined> {
  const { 'from-version': version, 'from-type': type, 'from-partition': partition } = query;
  const hasBody = c.req.raw.body !== null && c.req.header('content-length') !== '0';
  if (image !== undefined) {
    if (hasBody) throw new HostError('invalid-request', 'either a tar in the body or `from`');
    return { image, version, mount: { type, partition } };
  }
  if (Object.values(query).some((value) => value !== undefined))
    throw new HostError('invalid-request', 'from-… are of the image that `from` names');
  return hasBody ? { tar: bodyOf(c, 'auto') } : undefined;
}

imageTools.openapi(checkFileSystem, async (c) => {
  const { name } = c.req.valid('param');
  const { how, type, partition } = c.req.valid('query');
  const output = new Gathered();
  let bytes = 0;
  const hear = (piece: Uint8Array) => {
    if (bytes < MAX_OUTPUT_BYTES) output.add(piece.subarray(0, MAX_OUTPUT_BYTES - bytes));
    bytes += piece.length;
  };
  const streams = { stdout: hear, stderr: hear };
  const check = { how, type, partition, unlock: unlockOf(c) };
  const checked = await c.var.jobs.fileSystems.check(name, conditionOf(c.req.valid('header')), check, streams);
  const answer = {
    verdict: checked.verdict,
    type: checked.type,
    output: new TextDecoder().decode(output.take()),
    output_cut: bytes > MAX_OUTPUT_BYTES,
    etag: checked.etag,
    ...(checked.version !== undefined && { version: checked.version }),
  };
  return c.json(answer, 200, { etag: quoted(checked.etag) });
});

imageTools.openapi(resizeImage, async (c) => {
  const { name } = c.req.valid('param');
  const { size, type, partition } = c.req.valid('query');
  const condition = conditionOf(c.req.valid('header'));
  const resized = await c.var.jobs.fileSystems.resize(name, condition, {
    sizeBytes: size,
    type,
    partition,
    unlock: unlockOf(c),
  });
  const { etag, version, sizeBytes } = resized;
  const answer = {
    etag,
    version,
    size_bytes: sizeBytes,
    type: resized.type,
    ...(resized.partition !== undefined && { partition: resized.partition }),
  };
  return c.json(answer, 200, { etag: quoted(etag) });
});
