/** Handlers of requests that change what is in an image. */

import { received } from '../../bodies/received.ts';
import { playChanges } from '../../images/changes.ts';
import type { Written } from '../../images/disks.ts';
import { bodyOf } from '../bodies/body.ts';
import { queryBytes } from '../bodies/raw-bytes.ts';
import { conditionOf, quoted } from '../conditions.ts';
import { rawPath } from '../image-content/file.ts';
import { mountRequest } from '../image-content/schema.ts';
import { router } from '../router.ts';
import { modeOf } from '../sessions/schema.ts';
import { toChange, toNs } from './change.ts';
import { filledJson } from './filled.ts';
import { changeImage, deleteImageFile, fillImage, putImageFile } from './route.ts';

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

imageWriting.openapi(fillImage, async (c) => {
  const { name } = c.req.valid('param');
  const { path: _, decompress, ...query } = c.req.valid('query');
  const body = bodyOf(c, decompress);
  const { writing } = c.var.jobs;
  const condition = conditionOf(c.req.valid('header'));
  const filled = await writing.fill(name, condition, mountRequest(query), {
    body,
    directory: queryBytes(c.req.url, 'path') ?? new Uint8Array(0),
  });
  return c.json({ ...writtenJson(filled), ...filledJson(filled.result) }, 200, { etag: quoted(filled.etag) });
});
