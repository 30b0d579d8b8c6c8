/** Makes a file system that is never written again (squashfs, EROFS) of a tree, as large as that needs. */

import { AT_FDCWD, AT_REMOVEDIR } from '../../abi/uapi/fs.ts';
import { HostError } from '../../errors/host-error.ts';
import { must } from '../../kernel/kernel-error.ts';
import { unlinkat } from '../../kernel/syscalls/dir.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { type CopyOptions, type CopyReport, copyTree } from '../../tree/write/copy-tree.ts';
import type { Entry } from '../../tree/write/entry.ts';
import { LimitError } from '../../tree/write/limits.ts';
import { Losses } from '../../tree/write/losses.ts';
import { TreeWriter } from '../../tree/write/tree-writer.ts';
import type { Workshop } from '../workshop.ts';
import { type MakeRequest, toolsOf } from './file-systems.ts';
import { checkLabel, makeFileSystem } from './make-file-system.ts';

/** Which attributes and times its format has no place for, and nobody tells of. */
interface Lacking {
  readonly xattrs: RegExp;
  /** Seconds since 1970 that are the last. */
  readonly lastSecond: bigint;
}

interface Maker {
  /** Bytes of a name that its program can have. */
  readonly nameBytes: number;
  readonly lacking?: Lacking;
  readonly command: (from: string, disk: string, request: MakeRequest) => readonly string[];
  /** Bytes of the image, from the first 4 KiB of it. */
  readonly bytes: (head: DataView) => number;
}

const BLOCK = 4096;
const roundUp = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

const makers: Readonly<Record<string, Maker>> = {
  squashfs: {
    nameBytes: 255,
    // fs/squashfs/squashfs_fs.h: unsigned seconds in 32 bits; prefixes of attributes are user, trusted and security.
    lacking: { xattrs: /^system\./, lastSecond: 2n ** 32n - 1n },
    command: (from, disk, { more = [] }) => ['mksquashfs', from, disk, '-noappend', '-no-progress', '-quiet', ...more],
    // fs/squashfs/squashfs_fs.h: struct squashfs_super_block, bytes_used.
    bytes: (head) => roundUp(Number(head.getBigUint64(40, true))),
  },
  erofs: {
    // One of 255 bytes ends mkfs.erofs 1.5 (Debian 12), as it does natively.
    nameBytes: 254,
    command: (from, disk, { uuid, more = [] }) => [
      'mkfs.erofs',
      '--quiet',
      ...(uuid === undefined ? [] : ['-U', uuid]),
      ...more,
      disk,
      from,
    ],
    // fs/erofs/erofs_fs.h: struct erofs_super_block at 1024, blkszbits and blocks.
    bytes: (head) => head.getUint32(1024 + 36, true) * 2 ** head.getUint8(1024 + 12),
  },
};

export interface MadeOfTree {
  readonly report: CopyReport;
  /** Of the image: what lies behind is not part of it. */
  readonly bytes: number;
}

/**
 * `scratch` and `target` are disks with room for all of it; what is on `scratch` is lost. The tree is put on `scratch`
 * first, because the programs read it several times and from a file system only.
 */
export async function makeOfTree(
  workshop: Workshop,
  { scratch, target }: { readonly scratch: BlockDevice; readonly target: BlockDevice },
  type: string,
  request: MakeRequest,
  tree: AsyncIterable<Entry>,
  options: CopyOptions = {},
): Promise<MadeOfTree> {
  const maker = Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (!maker) throw new HostError('unknown-file-system', `${type} is not made of a tree`);
  checkLabel(type, request.label, toolsOf(workshop, type) ?? { labelBytes: 0 });
  const [disk, from] = [await workshop.attach(target), await workshop.attach(scratch)];
  await makeFileSystem(workshop, from, 'ext4', { more: ['-O', '^has_journal', '-m', '0', '-I', '256'] });
  const report = await workshop.mounted(from, 'ext4', async (mountPoint) => {
    const { init } = workshop.kernel;
    must('unlinkat', await unlinkat(init, AT_FDCWD, `${mountPoint}/lost+found`, AT_REMOVEDIR), 'lost+found');
    const writer = await TreeWriter.open(init, mountPoint, '.', (path) => isTooLong(path, mountPoint, maker));
    const lost = new Losses();
    const copied = await copyTree(writer, maker.lacking ? kept(tree, maker.lacking, lost) : tree, options).catch(
      (cause: unknown) => {
        throw ofScratch(cause, type);
      },
    );
    await writer.close();
    return { ...copied, losses: [...copied.losses, ...lost.list] };
  });
  // Anew: what the kernel keeps of the files that it wrote would leave a program no memory in one piece.
  await workshop.mounted(from, 'ext4', (at) => workshop.must(maker.command(at, disk, request)), { readOnly: true });
  await workshop.commit();
  const head = new Uint8Array(BLOCK);
  await target.read(0, head);
  return { report, bytes: maker.bytes(new DataView(head.buffer)) };
}

/** Its limits are those of what the program reads, not of the type. */
function ofScratch(cause: unknown, type: string): unknown {
  if (!(cause instanceof LimitError)) return cause;
  const { call, number, path, said } = cause;
  return new LimitError(call, number, path, `${type} is made of an ext4 here: ${said}`);
}

/** <linux/limits.h>, with the NUL: the programs name each file from the root, and mksquashfs leaves out what it cannot. */
const PATH_MAX = 4096;
const SLASH = 0x2f;

function isTooLong(path: Uint8Array, mountPoint: string, { nameBytes }: Maker): boolean {
  const name = path.length - (path.lastIndexOf(SLASH) + 1);
  return name > nameBytes || mountPoint.length + 1 + path.length + 1 > PATH_MAX;
}

const SECOND_NS = 1_000_000_000n;

/** The tree as the format can have it; what it cannot is counted. */
async function* kept(
  tree: AsyncIterable<Entry>,
  { xattrs: lacks, lastSecond }: Lacking,
  lost: Losses,
): AsyncGenerator<Entry> {
  for await (const entry of tree) {
    const { path, attributes } = entry;
    const { mtimeNs = 0n, xattrs } = attributes;
    if (mtimeNs < 0n || mtimeNs / SECOND_NS > lastSecond) lost.lost(path, 'EOVERFLOW', 'times');
    const left = xattrs && new Map([...xattrs].filter(([name]) => !lacks.test(name)));
    if (xattrs && left && left.size < xattrs.size) lost.lost(path, 'EOPNOTSUPP', 'xattr');
    const inRange = mtimeNs < 0n ? 0n : mtimeNs / SECOND_NS > lastSecond ? lastSecond * SECOND_NS : mtimeNs;
    yield {
      ...entry,
      attributes: {
        ...attributes,
        ...(attributes.mtimeNs !== undefined && { mtimeNs: inRange }),
        ...(left && { xattrs: left }),
      },
    };
  }
}
