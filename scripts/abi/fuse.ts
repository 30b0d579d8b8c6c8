/** Which structs and constants of linux/fuse.h are the protocol that src/node/fuse speaks. */

import { readValues } from './constants.ts';
import type { Unit } from './headers.ts';

/** Their layouts have no `long`: they are the same on every machine. */
export const fuseStructs = [
  'in_header out_header init_in init_out attr attr_out entry_out getattr_in setattr_in forget_in batch_forget_in forget_one',
  'mknod_in mkdir_in rename_in rename2_in link_in open_in open_out create_in release_in flush_in fsync_in read_in write_in',
  'write_out kstatfs statfs_out setxattr_in getxattr_in getxattr_out access_in ioctl_in ioctl_out fallocate_in lseek_in',
  'lseek_out copy_file_range_in dirent direntplus notify_inval_entry_out statx_in statx_out statx sx_time',
]
  .join(' ')
  .split(' ')
  .map((name) => `fuse_${name}`);

const names =
  /^(FUSE_(?!MAP_|SETUPMAPPING_|REMOVEMAPPING_|COMPAT|MIN_|IOCTL_MAX|REC_|DIRENT|NAME_|MAX_NR)|FATTR_|FOPEN_)\w+$/;

/** The operations by name, and every other constant. */
export function fuseConstants(unit: Unit): string {
  const { operations, constants } = split(readValues(unit, names));
  return `export const fuseOperations = ${table(operations)} as const;

/** An operation by its name in the header, without FUSE_. */
export type FuseOperation = keyof typeof fuseOperations;

export const fuse = ${table(constants)} as const;
`;
}

/** The enumerators of `enum fuse_opcode` are those that no macro defines and that are no notification. */
function split(values: ReadonlyMap<string, { readonly value: bigint; readonly macro: boolean }>) {
  const operations: [string, string][] = [];
  const constants: [string, string][] = [];
  for (const [name, { value, macro }] of values) {
    const isOperation = !macro && !/^FUSE_(NOTIFY|EXT|INIT_BSWAP)/.test(name);
    if (isOperation) operations.push([name.replace(/^FUSE_/, ''), String(value)]);
    else constants.push([name.replace(/^FUSE_/, ''), value > 0xffff_ffffn ? `${value}n` : String(value)]);
  }
  return { operations, constants };
}

const table = (rows: readonly (readonly [string, string])[]): string =>
  `{\n${rows.map(([name, value]) => `${name}: ${value},`).join('\n')}\n}`;
