/** `lkl tree`: directories of an image, drawn. */

import { below, type ImageTree, type NamedFile, type OnTrouble } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import type { Troubles } from '../look/troubles.ts';
import { walk } from '../look/walk.ts';
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
  withTree(image, options, (tree, troubles) =>
    printing(async (out) => {
      const root = Buffer.from(path);
      const level = options.level ?? Number.POSITIVE_INFINITY;
      if (options.json) return nested({ tree, out, troubles }, root, level);
      const counts: Counts = { directories: 0, files: 0 };
      await out.print(`${shown(root)}\n`);
      await draw({ tree, out, troubles, counts }, root, '', level);
      await out.print(
        `\n${counted(counts.directories, 'directory', 'directories')}, ${counted(counts.files, 'file', 'files')}\n`,
      );
    }),
  );

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

interface Writing {
  readonly tree: ImageTree;
  readonly out: Printer;
  readonly troubles: Troubles;
}

interface Drawing extends Writing {
  readonly counts: Counts;
}

interface Left {
  readonly path: Buffer;
  readonly indent: string;
  readonly entries: readonly NamedFile[];
  next: number;
}

/** What is left of each directory on the way is kept here, not on the stack: trees may be as deep as they like. */
async function draw(drawing: Drawing, path: Buffer, indent: string, level: number): Promise<void> {
  const { tree, out, troubles, counts } = drawing;
  const onTrouble: OnTrouble = ({ cause }) => troubles.tell(cause);
  // The directory that was asked for is not one of several.
  await tree.entry(path);
  const left: Left[] = [{ path, indent, entries: await tree.names(path, onTrouble), next: 0 }];
  for (let inner = left.at(-1); inner; inner = left.at(-1)) {
    const entry = inner.entries[inner.next++];
    if (entry === undefined) {
      left.pop();
      continue;
    }
    const isLast = inner.next === inner.entries.length;
    const at = below(inner.path, entry.name);
    const target = entry.type === 'symlink' ? (await troubles.attempt(() => tree.entry(at, false)))?.target : undefined;
    const leads = target ? ` -> ${shown(target)}` : '';
    await out.print(`${inner.indent}${isLast ? '└── ' : '├── '}${shown(entry.name)}${leads}\n`);
    if (entry.type !== 'directory') {
      counts.files += 1;
      continue;
    }
    counts.directories += 1;
    if (left.length >= level) continue;
    left.push({
      path: at,
      indent: `${inner.indent}${isLast ? '    ' : '│   '}`,
      entries: await tree.names(at, onTrouble),
      next: 0,
    });
  }
}

/** Deeper than this lines are not moved further to the right: ten thousand directories in each other would be gigabytes of spaces. */
const MAX_INDENT = 200;
const indentAt = (depth: number): string => '    '.repeat(Math.min(depth, MAX_INDENT));

/** Each directory with what is in it, written as it is walked. */
async function nested({ tree, out, troubles }: Writing, root: Buffer, level: number): Promise<void> {
  let open = 0;
  let before = '';
  /** The end of directories down to `depth`. */
  const close = async (depth: number): Promise<void> => {
    for (; open > depth; open -= 1) {
      const indent = indentAt(open - 1);
      await out.print(before === '' ? `]\n${indent}}` : `\n${indent}  ]\n${indent}}`);
      before = ',';
    }
  };
  for await (const { depth, entry } of walk(tree, root, { maxDepth: level, troubles })) {
    await close(depth);
    const indent = indentAt(depth);
    const own = JSON.stringify(entryJson(entry), null, 2).replaceAll('\n', `\n${indent}`);
    if (depth > 0) await out.print(`${before}\n${indent}`);
    if (entry.type === 'directory' && depth < level) {
      await out.print(`${own.slice(0, -2 - indent.length)},\n${indent}  "entries": [`);
      open = depth + 1;
      before = '';
    } else {
      await out.print(own);
      before = ',';
    }
  }
  await close(0);
  await out.print('\n');
}
