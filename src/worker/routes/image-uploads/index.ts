/** Handlers of /v1/images/{name}/uploads. */

import { digestsOf, rawBodyOf } from '../bodies/body.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { conditionOf, quoted } from '../conditions.ts';
import { imageJson } from '../images/schema.ts';
import { router } from '../router.ts';
import { abortUpload, beginUpload, completeUpload, listUploads, putPart } from './route.ts';
import { begunJson, fromPartJson, partJson, uploadJson } from './schema.ts';

export const imageUploads = router();

imageUploads.use(completeUpload.getRoutingPath(), wholeBody);

imageUploads.openapi(beginUpload, async (c) => {
  const { name } = c.req.valid('param');
  const { id } = await c.var.jobs.uploads.begin(name, conditionOf(c.req.valid('header')));
  return c.json(uploadJson(name, id), 201);
});

imageUploads.openapi(listUploads, async (c) => {
  const { name } = c.req.valid('param');
  return c.json({ uploads: (await c.var.jobs.uploads.list(name)).map(begunJson) }, 200);
});

imageUploads.openapi(putPart, async (c) => {
  const { name, id, part } = c.req.valid('param');
  return c.json(
    partJson(await c.var.jobs.uploads.putPart(name, id, part, { ...rawBodyOf(c), digests: digestsOf(c) })),
    200,
  );
});

imageUploads.openapi(completeUpload, async (c) => {
  const { name, id } = c.req.valid('param');
  const parts = c.req.valid('json').parts.map(fromPartJson);
  const image = await c.var.jobs.uploads.complete(name, id, parts, conditionOf(c.req.valid('header')));
  return c.json(imageJson(image), 200, { etag: quoted(image.etag) });
});

imageUploads.openapi(abortUpload, async (c) => {
  const { name, id } = c.req.valid('param');
  await c.var.jobs.uploads.abort(name, id);
  return c.body(null, 204);
});
