/** What `lkl mkimage` is given: a folder of systemd's definitions, or a configuration of genimage. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { genimagePlan } from '../../../src/tools/disk/definitions/genimage.ts';
import { repartPlan } from '../../../src/tools/disk/definitions/repart.ts';
import type { DiskPlan, PlannedPartition } from '../../../src/tools/disk/plan.ts';
import { Failure } from '../../failure.ts';

export interface DefinitionsOptions {
  readonly table: 'gpt' | 'dos' | undefined;
  readonly size: number | undefined;
  readonly architecture: string;
  /** Of a configuration that has several. */
  readonly image: string | undefined;
  /** Whether somebody said which root file system is meant. */
  readonly hasRoot: boolean;
}

export interface Definitions {
  readonly plan: DiskPlan;
  readonly folder: string;
  readonly ignored: readonly string[];
}

const MIB = 2 ** 20;

export function readDefinitions(
  path: string,
  { table, size, architecture, image, hasRoot }: DefinitionsOptions,
): Definitions {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new Failure('usage', `${path}: there is no such file or folder`);
  if (!stats.isDirectory()) {
    if (table !== undefined)
      throw new Failure('usage', 'the configuration says which table: --table is for definitions');
    const { plan, ignored } = genimagePlan(readFileSync(path, 'utf8'), image);
    if (!hasRoot && plan.partitions.some(isOfRoot))
      throw new Failure('usage', 'the configuration makes images of a root file system: --root says which');
    return { plan: { ...plan, sizeBytes: size ?? plan.sizeBytes }, folder: dirname(path), ignored };
  }
  if (image !== undefined) throw new Failure('usage', 'definitions are of one disk: --image is for configurations');
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.conf'))
    .map((name) => ({ name, text: readFileSync(join(path, name), 'utf8') }));
  const { partitions, ignored } = repartPlan(files, architecture);
  const plan: DiskPlan = { table: table ?? 'gpt', id: undefined, partitions, sizeBytes: size, alignBytes: MIB };
  return { plan, folder: path, ignored };
}

const isOfRoot = ({ content }: PlannedPartition): boolean =>
  content.kind === 'file-system' && content.sources.some(({ from }) => from.startsWith('/'));
