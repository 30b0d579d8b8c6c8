/** What the verbs that look into images look through: the same for an image here and for one that a Worker has. */

import type { WantedRange } from '../../src/tree/byte-range.ts';
import type { FileType } from '../../src/tree/files.ts';

export type { FileType };

/** What a directory itself says of a file: no inode is read for it. Names are bytes. */
export interface NamedFile {
  readonly name: Buffer;
  readonly type: FileType;
}

/** One file. */
export interface FileEntry extends NamedFile {
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly links: number;
  readonly mtimeNs: bigint;
  /** Of a symlink. */
  readonly target: Buffer | undefined;
  /** What a Worker does not tell. */
  readonly more: MoreOfEntry | undefined;
}

export interface MoreOfEntry {
  /** Names the file among all of the image, whatever it is called. */
  readonly inode: string;
  readonly atimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Where the file system keeps it. */
  readonly btimeNs: bigint | undefined;
  /** What it takes on the disk. */
  readonly allocatedBytes: number;
  /** Of a char or block device. */
  readonly device: { readonly major: number; readonly minor: number };
}

export interface FileSystemUse {
  readonly type: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  /** What users other than root may take of what is free. */
  readonly availableBytes: number;
  readonly files: number;
  readonly filesFree: number;
}

/** Something in a directory, or the listing of it, that could not be read. */
export interface Trouble {
  readonly cause: unknown;
  /** Of the file; absent: the directory has no more names than those that were read, as far as can be told. */
  readonly name?: Buffer;
  /** What the directory says of that file, if it says anything. */
  readonly type?: FileType | undefined;
}

/** Told of what a listing lacks, and throws where the listing is not to go on without it. */
export type OnTrouble = (trouble: Trouble) => void;

/** Paths are from the root of the file system, with or without a slash in front; errors name them. */
export interface ImageTree {
  /** In numbers, that it is known to lack its end. */
  readonly cut: string | undefined;
  /** The file at `path`; a symlink at its end is followed unless `follow` is false. */
  entry(path: Buffer, follow?: boolean): Promise<FileEntry>;
  /** What is in a directory, in byte order of the names. Without `onTrouble` it rejects unless that is all. */
  list(path: Buffer, onTrouble?: OnTrouble): Promise<readonly FileEntry[]>;
  /** The same, of which only names and types are asked for: of a million files a tenth of the work. */
  names(path: Buffer, onTrouble?: OnTrouble): Promise<readonly NamedFile[]>;
  /** A regular file, all of it or a part, piece by piece: a piece is good until the next is asked for. */
  read(path: Buffer, range?: WantedRange): AsyncIterable<Uint8Array>;
  /** The same; a number stands for so many bytes of a hole. Absent: holes are read as zeros. */
  data?(path: Buffer): AsyncIterable<Uint8Array | number>;
  /** Attributes by name. Undefined: nobody tells. */
  xattrs(path: Buffer): Promise<ReadonlyMap<string, Buffer> | undefined>;
  use(): Promise<FileSystemUse>;
  close(): Promise<void>;
}

const SLASH = Buffer.from('/');

/** The path of `name` in the directory `path`. */
export const below = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 || path.at(-1) === 0x2f ? Buffer.concat([path, name]) : Buffer.concat([path, SLASH, name]);
