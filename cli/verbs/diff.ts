/** `lkl diff`: what differs between the trees of two images. */

import { below, type FileEntry, type ImageTree } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import type { Troubles } from '../look/troubles.ts';
import { exactTime, line, modeText, octal, shown, textMembers } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { type Printer, printing } from '../output/print.ts';
import { type Piece, sameBytes } from './same-bytes.ts';

export interface DiffOptions extends ImageOptions {
  readonly path: string;
  readonly otherPartition?: string;
  readonly otherAlso?: readonly string[];
  readonly times: boolean;
  readonly content: boolean;
  readonly json?: true;
}

/** Of one path: only in the first, only in the other, or in both and not the same. */
interface Difference {
  readonly path: Buffer;
  readonly in: 'first' | 'other' | 'both';
  /** What differs, with both values: "mode 0644 and 0600". */
  readonly what: readonly string[];
}

/** Whether they are the same. */
export const diff = (image: string, other: string, options: DiffOptions): Promise<boolean> =>
  withTree(image, options, (first, troubles) =>
    withTree(other, otherOf(options), (second) =>
      printing(async (out) => {
        const found: Difference[] = [];
        const compared: Compared = { first, second, troubles, options };
        for await (const difference of compare(compared, Buffer.from(options.path))) {
          found.push(difference);
          if (!options.json) await show(out, difference);
        }
        if (options.json) {
          await out.json(found.map(({ path, ...rest }) => ({ ...textMembers('path', path), ...rest })));
        }
        return found.length === 0;
      }),
    ),
  );

/** Other disks and a header belong to one image alone. */
function otherOf({ also: _, header: __, ...options }: DiffOptions): DiffOptions {
  const { partition, otherPartition = partition, otherAlso } = options;
  return {
    ...options,
    ...(otherPartition !== undefined && { partition: otherPartition }),
    ...(otherAlso !== undefined && { also: otherAlso }),
  };
}

const marks = { first: '- ', other: '+ ', both: '! ' } as const;

const show = (out: Printer, { path, in: where, what }: Difference): void | Promise<void> =>
  out.print(line(path, { before: marks[where], after: what.length > 0 ? `: ${what.join(', ')}` : '' }));

interface Compared {
  readonly first: ImageTree;
  readonly second: ImageTree;
  readonly troubles: Troubles;
  readonly options: DiffOptions;
}

type Pair = readonly [FileEntry | undefined, FileEntry | undefined];

async function* compare(compared: Compared, root: Buffer): AsyncGenerator<Difference> {
  const { first, second } = compared;
  // What is left of each directory on the way: a generator inside of another would pass on each difference as often as it is deep.
  const left = [{ path: root, pairs: (await pairsIn(compared, root)).values() }];
  yield* differenceIn(compared, root, await first.entry(root), await second.entry(root));
  for (let inner = left.at(-1); inner; inner = left.at(-1)) {
    const { done, value } = inner.pairs.next();
    if (done) {
      left.pop();
      continue;
    }
    const [a, b] = value;
    const at = below(inner.path, nameOf(value));
    if (a === undefined || b === undefined) {
      yield { path: at, in: a ? 'first' : 'other', what: [] };
      continue;
    }
    yield* differenceIn(compared, at, a, b);
    if (a.type === 'directory' && b.type === 'directory') {
      left.push({ path: at, pairs: (await pairsIn(compared, at)).values() });
    }
  }
}

/** None or one: of a file that both have. */
async function* differenceIn(compared: Compared, path: Buffer, a: FileEntry, b: FileEntry): AsyncGenerator<Difference> {
  const what = [...attributesThatDiffer(a, b, compared.options)];
  await compared.troubles.attempt(async () => {
    for await (const one of contentThatDiffers(compared, path, a, b)) what.push(one);
  });
  if (what.length > 0) yield { path, in: 'both', what };
}

const nameOf = ([a, b]: Pair): Buffer => a?.name ?? b?.name ?? Buffer.alloc(0);

interface Listed {
  readonly entries: readonly FileEntry[];
  /** Whether there may be names that are not known. */
  readonly isPart: boolean;
  /** Names of what cannot be read. */
  readonly lacking: ReadonlySet<string>;
}

async function listed(tree: ImageTree, path: Buffer, troubles: Troubles): Promise<Listed> {
  const lacking = new Set<string>();
  let isPart = false;
  const entries = await tree.list(path, ({ cause, name }) => {
    troubles.tell(cause);
    if (name) lacking.add(name.toString('latin1'));
    else isPart = true;
  });
  return { entries, isPart, lacking };
}

/** What either has in a directory, in byte order of the names: both lists are. What one cannot tell of is no difference. */
async function pairsIn({ first, second, troubles }: Compared, path: Buffer): Promise<readonly Pair[]> {
  const mine = await listed(first, path, troubles);
  const theirs = await listed(second, path, troubles);
  const lacks = ({ isPart, lacking }: Listed, { name }: FileEntry): boolean =>
    isPart || lacking.has(name.toString('latin1'));
  const pairs: Pair[] = [];
  for (let i = 0, k = 0; i < mine.entries.length || k < theirs.entries.length; ) {
    const [a, b] = [mine.entries[i], theirs.entries[k]];
    const order = a && b ? Buffer.compare(a.name, b.name) : a ? -1 : 1;
    if (order === 0) pairs.push([a, b]);
    else if (order < 0 && a && !lacks(theirs, a)) pairs.push([a, undefined]);
    else if (order > 0 && b && !lacks(mine, b)) pairs.push([undefined, b]);
    if (order <= 0) i += 1;
    if (order >= 0) k += 1;
  }
  return pairs;
}

/** What a directory's entries say of a file. */
function* attributesThatDiffer(a: FileEntry, b: FileEntry, { times }: DiffOptions): Generator<string> {
  if (a.type !== b.type) {
    yield `${a.type} and ${b.type}`;
    return;
  }
  const isDevice = a.type === 'char' || a.type === 'block';
  if (a.mode !== b.mode) yield `mode ${octal(a.mode)} ${modeText(a)} and ${octal(b.mode)} ${modeText(b)}`;
  if (a.uid !== b.uid) yield `owner ${a.uid} and ${b.uid}`;
  if (a.gid !== b.gid) yield `group ${a.gid} and ${b.gid}`;
  if (a.type === 'file' && a.sizeBytes !== b.sizeBytes) yield `size ${a.sizeBytes} and ${b.sizeBytes}`;
  if (times && a.mtimeNs !== b.mtimeNs) yield `time ${exactTime(a.mtimeNs)} and ${exactTime(b.mtimeNs)}`;
  if (!same(a.target, b.target)) yield `target ${targetOf(a)} and ${targetOf(b)}`;
  if (isDevice && deviceOf(a) !== deviceOf(b)) yield `device ${deviceOf(a)} and ${deviceOf(b)}`;
}

/** What has to be read of both. */
async function* contentThatDiffers(
  { first, second, options: { content } }: Compared,
  path: Buffer,
  a: FileEntry,
  b: FileEntry,
): AsyncGenerator<string> {
  if (a.type !== b.type) return;
  yield* xattrsThatDiffer(await first.xattrs(path), await second.xattrs(path));
  if (a.type !== 'file' || a.sizeBytes !== b.sizeBytes || !(content || a.mtimeNs !== b.mtimeNs)) return;
  if (!(await sameBytes(dataOf(first, path), dataOf(second, path)))) yield 'content';
}

const dataOf = (tree: ImageTree, path: Buffer): AsyncIterable<Piece> => tree.data?.(path) ?? tree.read(path);

function* xattrsThatDiffer(a: Xattrs, b: Xattrs): Generator<string> {
  if (a === undefined || b === undefined) return;
  for (const name of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [mine, theirs] = [a.get(name), b.get(name)];
    const attribute = `attribute ${shown(Buffer.from(name))}`;
    if (theirs === undefined) yield `${attribute} in the first alone`;
    else if (mine === undefined) yield `${attribute} in the other alone`;
    else if (!mine.equals(theirs)) yield `${attribute} with another value`;
  }
}

type Xattrs = ReadonlyMap<string, Buffer> | undefined;

const targetOf = ({ target }: FileEntry): string => (target === undefined ? 'none' : JSON.stringify(shown(target)));

const same = (a: Buffer | undefined, b: Buffer | undefined): boolean => (a && b ? a.equals(b) : a === b);

const deviceOf = ({ more }: FileEntry): string => `${more?.device.major},${more?.device.minor}`;
