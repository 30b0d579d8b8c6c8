/** `lkl diff`: what differs between the trees of two images. */

import { below, type FileEntry, type ImageTree } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import { line, textMembers } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { type Printer, printing } from '../output/print.ts';

export interface DiffOptions extends ImageOptions {
  readonly path: string;
  readonly otherPartition?: string;
  readonly times: boolean;
  readonly content: boolean;
  readonly json?: true;
}

/** Of one path: only in the first, only in the other, or in both and not the same. */
interface Difference {
  readonly path: Buffer;
  readonly in: 'first' | 'other' | 'both';
  /** What differs: type, mode, owner, links … */
  readonly what: readonly string[];
}

/** Whether they are the same. */
export const diff = (image: string, other: string, options: DiffOptions): Promise<boolean> =>
  withTree(image, options, (first) =>
    withTree(other, { ...options, ...partitionOf(options) }, (second) =>
      printing(async (out) => {
        const found: Difference[] = [];
        for await (const difference of compare(first, second, Buffer.from(options.path), options)) {
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

const partitionOf = ({ partition, otherPartition = partition }: DiffOptions) =>
  otherPartition === undefined ? {} : { partition: otherPartition };

const marks = { first: '- ', other: '+ ', both: '! ' } as const;

const show = (out: Printer, { path, in: where, what }: Difference): void | Promise<void> =>
  out.print(line(path, { before: marks[where], after: what.length > 0 ? `: ${what.join(', ')}` : '' }));

type Pair = readonly [FileEntry | undefined, FileEntry | undefined];

async function* compare(
  first: ImageTree,
  second: ImageTree,
  root: Buffer,
  options: DiffOptions,
): AsyncGenerator<Difference> {
  // What is left of each directory on the way: a generator inside of another would pass on each difference as often as it is deep.
  const left = [{ path: root, pairs: (await pairsIn(first, second, root)).values() }];
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
    const what = await differences(first, second, at, a, b, options);
    if (what.length > 0) yield { path: at, in: 'both', what };
    if (a.type === 'directory' && b.type === 'directory') {
      left.push({ path: at, pairs: (await pairsIn(first, second, at)).values() });
    }
  }
}

const nameOf = ([a, b]: Pair): Buffer => a?.name ?? b?.name ?? Buffer.alloc(0);

/** What either has in a directory, in byte order of the names: both lists are. */
async function pairsIn(first: ImageTree, second: ImageTree, path: Buffer): Promise<readonly Pair[]> {
  const [mine, theirs] = [await first.list(path), await second.list(path)];
  const pairs: Pair[] = [];
  for (let i = 0, k = 0; i < mine.length || k < theirs.length; ) {
    const [a, b] = [mine[i], theirs[k]];
    const order = a && b ? Buffer.compare(a.name, b.name) : a ? -1 : 1;
    pairs.push([order <= 0 ? a : undefined, order >= 0 ? b : undefined]);
    if (order <= 0) i += 1;
    if (order >= 0) k += 1;
  }
  return pairs;
}

async function differences(
  first: ImageTree,
  second: ImageTree,
  path: Buffer,
  a: FileEntry,
  b: FileEntry,
  { times, content }: DiffOptions,
): Promise<string[]> {
  if (a.type !== b.type) return [`${a.type} and ${b.type}`];
  const isFile = a.type === 'file';
  const what: (string | false)[] = [
    a.mode !== b.mode && 'mode',
    (a.uid !== b.uid || a.gid !== b.gid) && 'owner',
    isFile && a.sizeBytes !== b.sizeBytes && 'size',
    times && a.mtimeNs !== b.mtimeNs && 'time',
    !same(a.target, b.target) && 'target',
    (a.type === 'char' || a.type === 'block') && deviceOf(a) !== deviceOf(b) && 'device',
    !(await sameXattrs(first, second, path)) && 'attributes',
  ];
  if (isFile && a.sizeBytes === b.sizeBytes && (content || a.mtimeNs !== b.mtimeNs)) {
    what.push(!(await sameBytes(first.read(path), second.read(path))) && 'content');
  }
  return what.filter((one) => one !== false);
}

const same = (a: Buffer | undefined, b: Buffer | undefined): boolean => (a && b ? a.equals(b) : a === b);

const deviceOf = ({ more }: FileEntry): string => `${more?.device.major}:${more?.device.minor}`;

async function sameXattrs(first: ImageTree, second: ImageTree, path: Buffer): Promise<boolean> {
  const [a, b] = [await first.xattrs(path), await second.xattrs(path)];
  if (a === undefined || b === undefined) return true;
  return a.size === b.size && [...a].every(([name, value]) => same(value, b.get(name)));
}

/** Pieces need not be of the same length. */
async function sameBytes(a: AsyncIterable<Uint8Array>, b: AsyncIterable<Uint8Array>): Promise<boolean> {
  const theirs = b[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0) as Buffer;
  try {
    for await (const piece of a) {
      for (let at = 0; at < piece.length; ) {
        if (rest.length === 0) {
          const next = await theirs.next();
          if (next.done) return false;
          rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
        }
        const length = Math.min(rest.length, piece.length - at);
        if (rest.compare(piece, at, at + length, 0, length) !== 0) return false;
        rest = rest.subarray(length);
        at += length;
      }
    }
    return rest.length === 0 && (await theirs.next()).done === true;
  } finally {
    await theirs.return?.();
  }
}
