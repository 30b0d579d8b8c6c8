/** What `lkl mkimage` is given: a folder of systemd's definitions, or a configuration of genimage. */

import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DefinedDisk, definedDisk } from '../../../src/tools/disk/definitions/defined-disk.ts';
import type { PlannedPartition } from '../../../src/tools/disk/plan.ts';
import { Failure } from '../../failure.ts';
import { textOf } from '../../input/small-file.ts';

export interface DefinitionsOptions {
  readonly table: 'gpt' | 'dos' | undefined;
  readonly size: number | undefined;
  readonly architecture: string;
  /** Of a configuration that has several. */
  readonly image: string | undefined;
  /** Whether somebody said which root file system is meant. */
  readonly hasRoot: boolean;
}

export interface Definitions extends DefinedDisk {
  readonly folder: string;
}

export async function readDefinitions(
  path: string,
  { table, size, architecture, image, hasRoot }: DefinitionsOptions,
): Promise<Definitions> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new Failure('usage', `${path}: there is no such file or folder`);
  if (!stats.isDirectory()) {
    if (table !== undefined)
      throw new Failure('usage', 'the configuration says which table: --table is for definitions');
    const { plan, ignored } = definedDisk({ genimage: await textOf(path, 'script'), disk: image }, size);
    if (!hasRoot && plan.partitions.some(isOfRoot))
      throw new Failure('usage', 'the configuration makes images of a root file system: --root says which');
    return { plan, folder: dirname(path), ignored };
  }
  if (image !== undefined) throw new Failure('usage', 'definitions are of one disk: --image is for configurations');
  const files: { readonly name: string; readonly text: string }[] = [];
  for (const name of readdirSync(path))
    if (name.endsWith('.conf')) files.push({ name, text: await textOf(join(path, name), 'script') });
  return { ...definedDisk({ files, table, architecture }, size), folder: path };
}

const isOfRoot = ({ content }: PlannedPartition): boolean =>
  content.kind === 'file-system' && content.sources.some(({ from }) => from.startsWith('/'));
