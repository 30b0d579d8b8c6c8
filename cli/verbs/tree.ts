/** `lkl tree`: directories of an image, drawn. */

import type { FileEntry, ImageTree } from '../look/image-tree.ts';
import { below } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { entryJson, shown } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { type Printer, printing } from '../output/print.ts';

export interface TreeOptions extends ImageOptions {
  readonly level?: number;
  readonly json?: true;
}

interface Counts {
  directories: number;
  files: number;
}

export const drawTree = (image: string, path = '/', options: TreeOptions): Promise<void> =>
  withTree(image, options, (tree) =>
    printing(async (out) => {
      const root = Buffer.from(path);
      const level = options.level ?? Number.POSITIVE_INFINITY;
      if (options.json) return out.json(await nested(tree, root, await tree.entry(root), level));
      const counts: Counts = { directories: 0, files: 0 };
      await out.print(`${shown(root)}\n`);
      await draw({ tree, out, counts }, root, '', level);
      await out.print(
        `\n${counted(counts.directories, 'directory', 'directories')}, ${counted(counts.files, 'file', 'files')}\n`,
      );
    }),
  );

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

interface Drawing {
  readonly tree: ImageTree;
  readonly out: Printer;
  readonly counts: Counts;
}

async function draw(drawing: Drawing, path: Buffer, indent: string, level: number): Promise<void> {
  const { tree, out, counts } = drawing;
  const entries = await tree.list(path);
  for (const [index, entry] of entries.entries()) {
    const isLast = index === entries.length - 1;
    const target = entry.target ? ` -> ${shown(entry.target)}` : '';
    await out.print(`${indent}${isLast ? '└── ' : '├── '}${shown(entry.name)}${target}\n`);
    if (entry.type !== 'directory') {
      counts.files += 1;
      continue;
    }
    counts.directories += 1;
    if (level > 1) await draw(drawing, below(path, entry.name), `${indent}${isLast ? '    ' : '│   '}`, level - 1);
  }
}

async function nested(tree: ImageTree, path: Buffer, entry: FileEntry, level: number): Promise<unknown> {
  const own = entryJson(entry);
  if (entry.type !== 'directory' || level === 0) return own;
  const entries: unknown[] = [];
  for (const one of await tree.list(path)) entries.push(await nested(tree, below(path, one.name), one, level - 1));
  return { ...own, entries };
}
