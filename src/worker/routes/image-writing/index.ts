/** Handlers of requests that change what is in an image. */

import { received } from '../../bodies/received.ts';
import { playChanges } from '../../images/changes.ts';
import type { Written } from '../../images/writing.ts';
import { conditionOf, quoted } from '../conditions.ts';
import { rawPath } from '../image-content/file.ts';
import { mountRequest } from '../image-content/schema.ts';
import { router } from '../router.ts';
import { modeOf } from '../sessions/schema.ts';
import { toChange, toNs } from './change.ts';
import { changeImage, deleteImageFile, putImageFile } from './route.ts';

export const imageWriting = router();

const writtenJson = ({ etag, version }: Written) => ({ etag, version });

imageWriting.openapi(putImageFile, async (c) => {
  const { name } = c.req.valid('param');
  const { mode, uid, gid, mtime, parents, ...query } = c.req.valid('query');
  const { ifNoneMatch, ...condition } = conditionOf(c.req.valid('header'));
  const { body } = c.req.raw;
  const change = {
    op: 'write' as const,
    path: rawPath(c),
    content: body ? received(body) : [],
    mode: modeOf(mode),
    uid,
    gid,
    mtimeNs: toNs(mtime),
    parents: parents === '1',
    isNew: ifNoneMatch !== undefined,
  };
  const written = await c.var.jobs.writing.write(name, condition, mountRequest(query), (tree) =>
    playChanges(tree, [change]),
  );
  return c.json(writtenJson(written), 200, { etag: quoted(written.etag) });
});

imageWriting.openapi(deleteImageFile, async (c) => {
  const { name } = c.req.valid('param');
  const { recursive, ...query } = c.req.valid('query');
  const change = { op: 'remove' as const, path: rawPath(c), recursive: recursive === '1' };
  const condition = conditionOf(c.req.valid('header'));
  const written = await c.var.jobs.writing.write(name, condition, mountRequest(query), (tree) =>
    playChanges(tree, [change]),
  );
  return c.json(writtenJson(written), 200, { etag: quoted(written.etag) });
});

imageWriting.openapi(changeImage, async (c) => {
  const { name } = c.req.valid('param');
  const changes = c.req.valid('json').changes.map(toChange);
  const condition = conditionOf(c.req.valid('header'));
  const written = await c.var.jobs.writing.write(name, condition, mountRequest(c.req.valid('query')), (tree) =>
    playChanges(tree, changes),
  );
  return c.json(writtenJson(written), 200, { etag: quoted(written.etag) });
});
