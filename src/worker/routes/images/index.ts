/** Handlers of /v1/images. */

import { bodyOf } from '../bodies/body.ts';
import { conditionOf, quoted } from '../conditions.ts';
import { router } from '../router.ts';
import { deleteImage, headImage, listImages, putImage } from './route.ts';
import { imageJson } from './schema.ts';

export const images = router();

images.openapi(listImages, async (c) => {
  const { prefix, limit, cursor } = c.req.valid('query');
  const { images, more } = await c.var.jobs.images.list({ prefix, limit, after: cursor });
  return c.json({ images: images.map(imageJson), ...(more && { cursor: images.at(-1)?.name }) }, 200);
});

images.openapi(putImage, async (c) => {
  const body = bodyOf(c, c.req.valid('query').decompress);
  const { name } = c.req.valid('param');
  const { image, created } = await c.var.jobs.images.put(name, body, conditionOf(c.req.valid('header')));
  return c.json(imageJson(image), created ? 201 : 200, { etag: quoted(image.etag) });
});

images.openAPIRegistry.registerPath(headImage);
images.get(headImage.getRoutingPath(), async (c, next) => {
  if (c.req.raw.method !== 'HEAD') return next();
  const { etag, uploaded, sizeBytes } = await c.var.jobs.images.get(c.req.param('name'));
  const headers = { etag: quoted(etag), 'last-modified': uploaded.toUTCString(), 'image-size': String(sizeBytes) };
  return c.body(null, 200, headers);
});

images.openapi(deleteImage, async (c) => {
  await c.var.jobs.images.delete(c.req.valid('param').name, conditionOf(c.req.valid('header')));
  return c.body(null, 204);
});
