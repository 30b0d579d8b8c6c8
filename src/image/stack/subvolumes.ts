/** The subvolumes of a mounted btrfs, as `btrfs subvolume list` asks for them (include/uapi/linux/btrfs.h, btrfs_tree.h). */

import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../abi/uapi/fs.ts';
import { close, openat } from '../../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { SubvolumeReport } from '../mounted-image.ts';
import { Fields } from '../probe/fields.ts';

/** _IOWR(0x94, 17, struct btrfs_ioctl_search_args): 4096 bytes, of which the key takes 104. */
const TREE_SEARCH = 0xd000_9411;
/** _IOWR(0x94, 18, struct btrfs_ioctl_ino_lookup_args): treeid, objectid, name[4080]. */
const INO_LOOKUP = 0xd000_9412;
const ARGS_BYTES = 4096;
const KEY_BYTES = 104;
const ITEM_HEADER_BYTES = 32;

const ROOT_TREE = 1;
const FS_TREE = 5;
const TREE_DIRECTORY = 6;
const FIRST_FREE = 256;
const DIR_ITEM = 84;
const ROOT_ITEM = 132;
const ROOT_BACKREF = 144;
const SUBVOL_RDONLY = 1;
/** struct btrfs_root_item: flags; parent_uuid, which a snapshot has. */
const ROOT_FLAGS_AT = 208;
const PARENT_UUID_AT = 263;

/** More than anybody looks at: what lists them ends here. */
const MAX_SUBVOLUMES = 4096;

interface Item {
  readonly objectid: number;
  readonly offset: number;
  readonly data: Fields;
}

/** Of what is mounted at `mountPoint`; none where the kernel does not tell. */
export async function subvolumesAt(task: UserTask, mountPoint: string): Promise<readonly SubvolumeReport[]> {
  const fd = await openat(task, AT_FDCWD, mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return [];
  const buffer = await mapBuffer(task, ARGS_BYTES);
  try {
    const roots = await search(task, fd, buffer, ROOT_ITEM);
    const refs = new Map((await search(task, fd, buffer, ROOT_BACKREF)).map((item) => [item.objectid, item]));
    const standard = await defaultOf(task, fd, buffer);
    const found: SubvolumeReport[] = [];
    for (const { objectid: id, data } of roots) {
      const path = await pathOf(task, fd, buffer, refs, id);
      if (path === undefined) continue; // it is being deleted
      const parent = data.bytes.length >= PARENT_UUID_AT + 16 ? data.slice(PARENT_UUID_AT, 16) : new Uint8Array(0);
      found.push({
        id,
        path,
        readOnly: (data.u64(ROOT_FLAGS_AT) & SUBVOL_RDONLY) !== 0,
        snapshot: parent.some((byte) => byte !== 0),
        default: id === standard,
      });
    }
    return found.sort((a, b) => a.id - b.id);
  } finally {
    await unmapBuffer(task, buffer);
    await close(task, fd);
  }
}

/** All items of a type in the tree of roots, of objects from `first` to `last`. */
async function search(
  task: UserTask,
  fd: number,
  { at }: UserBuffer,
  type: number,
  [first, last]: readonly [number, bigint] = [FIRST_FREE, 2n ** 64n - 257n],
): Promise<Item[]> {
  const found: Item[] = [];
  // Keys are in order of object, type and offset: the next search begins behind the last key that was seen, whatever its type.
  let [objectid, minType, offset] = [BigInt(first), type, 0n];
  for (let searches = 0; searches < MAX_SUBVOLUMES && found.length < MAX_SUBVOLUMES; searches += 1) {
    const key = task.memory.view(at, KEY_BYTES).fill(0);
    const data = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
    const all = 2n ** 64n - 1n;
    for (const [i, value] of [BigInt(ROOT_TREE), objectid, last, offset, all, 0n, all].entries())
      data.setBigUint64(8 * i, value, true);
    for (const [i, value] of [minType, type, MAX_SUBVOLUMES].entries()) data.setUint32(56 + 4 * i, value, true);
    if ((await task.syscall('ioctl', fd, TREE_SEARCH, at)) < 0) break;
    const answer = task.memory.copy(at, ARGS_BYTES);
    const count = new Fields(answer).u32(64);
    if (count === 0) break;
    for (let i = 0, place = KEY_BYTES; i < count && place + ITEM_HEADER_BYTES <= ARGS_BYTES; i += 1) {
      const header = new Fields(answer.subarray(place));
      const bytes = header.u32(28);
      const start = place + ITEM_HEADER_BYTES;
      if (header.u32(24) === type)
        found.push({
          objectid: header.u64(8),
          offset: header.u64(16),
          data: new Fields(answer.slice(start, start + bytes)),
        });
      const view = new DataView(answer.buffer, answer.byteOffset + place);
      [objectid, minType, offset] = [view.getBigUint64(8, true), header.u32(24), view.getBigUint64(16, true) + 1n];
      place = start + bytes;
    }
  }
  return found;
}

/** struct btrfs_dir_item named `default`, whose location is the subvolume that is mounted unasked. */
async function defaultOf(task: UserTask, fd: number, buffer: UserBuffer): Promise<number> {
  const range = [TREE_DIRECTORY, BigInt(TREE_DIRECTORY)] as const;
  const [item] = await search(task, fd, buffer, DIR_ITEM, range);
  return item?.data.u64(0) ?? FS_TREE;
}

/** From the top, by way of the subvolumes that it lies in. */
async function pathOf(
  task: UserTask,
  fd: number,
  buffer: UserBuffer,
  refs: ReadonlyMap<number, Item>,
  id: number,
): Promise<string | undefined> {
  let path = '';
  for (let tree = id, depth = 0; tree !== FS_TREE; depth += 1) {
    const ref = refs.get(tree);
    if (ref === undefined || depth > refs.size) return undefined;
    // struct btrfs_root_ref: dirid, sequence, name_len, name
    const { data, offset: parent } = ref;
    const name = new TextDecoder().decode(data.slice(18, data.u16(16)));
    path = `${await directoryOf(task, fd, buffer, parent, data.u64(0))}${name}${path && `/${path}`}`;
    tree = parent;
  }
  return path;
}

/** The directory that has it, with a slash at the end; empty for the root of its subvolume. */
async function directoryOf(
  task: UserTask,
  fd: number,
  { at }: UserBuffer,
  tree: number,
  directory: number,
): Promise<string> {
  const args = task.memory.view(at, ARGS_BYTES).fill(0);
  const data = new DataView(args.buffer, args.byteOffset, ARGS_BYTES);
  data.setBigUint64(0, BigInt(tree), true);
  data.setBigUint64(8, BigInt(directory), true);
  if ((await task.syscall('ioctl', fd, INO_LOOKUP, at)) < 0) return '';
  const [name = ''] = new TextDecoder().decode(task.memory.copy(at, ARGS_BYTES).subarray(16)).split('\0');
  return name;
}
