/** Handlers of requests that make whole disks, and write partition tables. */

import { definedDisk } from '../../../tools/disk/definitions/defined-disk.ts';
import type { MadeDisk } from '../../../tools/disk/make-disk.ts';
import type { StoredTree } from '../../programs/images/trees.ts';
import { conditionOf, quoted } from '../conditions.ts';
import { filledJson } from '../image-writing/filled.ts';
import { router } from '../router.ts';
import { makeDiskImage, partitionImage } from './route.ts';
import type { DiskDefinitionJson } from './schema.ts';

export const imageDisks = router();

imageDisks.openapi(makeDiskImage, async (c) => {
  const { name } = c.req.valid('param');
  const { definitions, genimage, disk, table, architecture, ...json } = c.req.valid('json');
  const files = Object.entries(definitions ?? {}).map(([file, text]) => ({ name: file, text }));
  const definition = genimage === undefined ? { files, table, architecture } : { genimage, disk };
  const { plan, ignored } = definedDisk(definition, json.size_bytes);
  const order = { plan, root: treeOf(json.root), input: treeOf(json.input), seed: textOf(json.seed) };
  const condition = newOr(conditionOf(c.req.valid('header')).ifMatch);
  const made = await c.var.jobs.fileSystems.makeDisk(name, condition, order);
  const answer = {
    etag: made.etag,
    version: made.version,
    size_bytes: made.sizeBytes,
    partitions: partitionsJson(made, plan.table === 'gpt'),
    root_hashes: [...made.rootHashes],
    ignored: [...ignored],
  };
  return c.json(answer, 201, { etag: quoted(made.etag) });
});

imageDisks.openapi(partitionImage, async (c) => {
  const { name } = c.req.valid('param');
  const { script, words, size_bytes, seed } = c.req.valid('json');
  const { ifMatch } = conditionOf(c.req.valid('header'));
  const condition = size_bytes === undefined ? { ifMatch } : newOr(ifMatch);
  const order = { script, words, sizeBytes: size_bytes, seed: textOf(seed) };
  const { etag, version, sizeBytes, table } = await c.var.jobs.fileSystems.partition(name, condition, order);
  return c.json({ etag, version, size_bytes: sizeBytes, table }, 200, { etag: quoted(etag) });
});

/** An image that is there goes only where it is named. */
const newOr = (ifMatch: string | undefined) => (ifMatch === undefined ? { ifNoneMatch: '*' as const } : { ifMatch });

const textOf = (seed: string | number | undefined): string | undefined =>
  seed === undefined ? undefined : String(seed);

function treeOf(tree: DiskDefinitionJson['root']): StoredTree | undefined {
  if (tree === undefined) return undefined;
  const { image, version, type, partition } = tree;
  return { image, version, mount: { type, partition } };
}

const partitionsJson = ({ partitions }: MadeDisk, isGpt: boolean) =>
  partitions.map(({ planned, uuid, startBytes, sizeBytes, filled }) => ({
    name: planned.name,
    ...(planned.label !== undefined && { label: planned.label }),
    type: planned.typeGuid,
    ...(isGpt && { uuid }),
    start_bytes: startBytes,
    size_bytes: sizeBytes,
    content: planned.content.kind === 'file-system' ? planned.content.type : planned.content.kind,
    ...(filled && { filled: filledJson(filled) }),
  }));
