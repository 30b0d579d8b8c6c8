/** What `lkl mkimage` is given: a folder of systemd's definitions, or a configuration of genimage. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { type DefinedDisk, definedDisk } from '../../../src/tools/disk/definitions/defined-disk.ts';
import { includesOf } from '../../../src/tools/disk/definitions/genimage-syntax.ts';
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
    const genimage = await textOf(path, 'script');
    const included = await includedIn(genimage, dirname(path));
    const { plan, ignored } = definedDisk({ genimage, included, disk: image }, size);
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

/** What `text` includes, and what that does; each file is looked for beside the configuration first, then where the command is. */
async function includedIn(text: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const included = new Map<string, string>();
  const open = [...includesOf(text)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (included.has(name)) continue;
    const beside = join(folder, name);
    const found = await textOf(!isAbsolute(name) && existsSync(beside) ? beside : name, 'script');
    included.set(name, found);
    open.push(...includesOf(found));
  }
  return included;
}

const isOfRoot = ({ content }: PlannedPartition): boolean =>
  content.kind === 'file-system' && content.sources.some(({ from }) => from.startsWith('/'));
