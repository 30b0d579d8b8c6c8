/** Handlers of what is inside /v1/images/{name}. */

import { quoted, unchanged } from '../conditions.ts';
import { router } from '../router.ts';
import { fileResponse, listPage, rawPath } from './file.ts';
import { describeImage, getImageFile, getImageTar, getImageZip } from './route.ts';
import { descriptionJson, mountRequest } from './schema.ts';
import { unlockOf } from './stack.ts';
import { tarResponse, zipResponse } from './tar.ts';

export const imageContent = router();

imageContent.openapi(describeImage, async (c) => {
  const { name } = c.req.valid('param');
  const { images, content } = c.var.jobs;
  const known = c.req.valid('header')['if-none-match'];
  const { version, ...query } = c.req.valid('query');
  if (known !== undefined && unchanged(known, version ?? (await images.get(name)).etag)) return c.body(null, 304);
  const choice = { ...mountRequest(query), version, unlock: unlockOf(c) };
  const { etag, opened, report } = await content.inspect(name, choice);
  return c.json(descriptionJson(name, etag, opened, report), 200, { etag: quoted(etag) });
});

imageContent.openapi(getImageTar, async (c) => {
  const { name } = c.req.valid('param');
  const { content } = c.var.jobs;
  const { version, ...query } = c.req.valid('query');
  return tarResponse(c, query, name, (request, sink) => content.tarOfImage(name, { ...request, version }, sink));
});

imageContent.openapi(getImageZip, async (c) => {
  const { name } = c.req.valid('param');
  const { content } = c.var.jobs;
  const { version, ...query } = c.req.valid('query');
  return zipResponse(c, query, name, (request, sink) => content.tarOfImage(name, { ...request, version }, sink));
});

imageContent.openapi(getImageFile, async (c) => {
  const { name } = c.req.valid('param');
  const { images, content } = c.var.jobs;
  const known = c.req.valid('header')['if-none-match'];
  const { version } = c.req.valid('query');
  if (known !== undefined && unchanged(known, version ?? (await images.get(name)).etag)) return c.body(null, 304);
  const { limit, cursor, version: _, 'on-error': onError, ...query } = c.req.valid('query');
  const opened = await content.open(name, rawPath(c), { ...mountRequest(query), version, unlock: unlockOf(c) });
  if (opened.type === 'file') return fileResponse(c, opened, opened.etag);
  return c.json(await listPage(opened, { limit, cursor, onError }), 200, { etag: quoted(opened.etag) });
});
