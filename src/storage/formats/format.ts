/** What a format that wraps a disk is to the rest: how it is recognised, and how its disk is read. */

import type { Compression } from '../../archive/decompress.ts';
import type { MaybePromise } from '../block-device.ts';
import type { ByteSource } from '../byte-source.ts';
import type { ChunkDecoders } from './parts/block-decoders.ts';

/** One of several disks in a file, or of several states of one disk. */
export interface Choice {
  /** What `member` or `snapshot` names it by. */
  readonly name: string;
  readonly kind: 'member' | 'snapshot';
  readonly sizeBytes?: number;
  /** In words, where there is more to say. */
  readonly note?: string;
}

/** One thing that the disk was read through: the outermost first, and after each the files that it builds on. */
export interface Layer {
  readonly format: string;
  /** Of the file, where the layer is another one than that which was given. */
  readonly name?: string;
  /** What kind of it, in the format's own words. */
  readonly note?: string;
}

/** The bytes of the disk in a file of the format. */
export interface OpenedFormat {
  readonly content: ByteSource;
  /** Where the file can be written, `content` writes the disk. Default: whatever `content` can, the disk is only read. */
  readonly writes?: boolean;
  /** Why this one is not written, as half a sentence ("a stream, which …"), where others of the format are. */
  readonly readOnly?: string;
  /** May itself be wrapped, in a format of its own: a disk in an archive. */
  readonly wrapped?: boolean;
  readonly note?: string;
  readonly choices?: readonly Choice[];
  /** Files that it builds on. */
  readonly layers?: readonly Layer[];
  /** Why it is known to lack something, as a sentence, where what is there can be read all the same. Absent: it is whole. */
  readonly cut?: string;
  /** What is otherwise in it than the file says, and why, each a sentence. */
  readonly notes?: readonly string[];
  /** How many bytes the file has by its own tables, as far as they were looked at: more than there are, and it was cut short. */
  readonly claimedBytes?: number;
  /** By which a disk that builds on this one knows that it is the one, in the state that it builds on. */
  readonly id?: string;
  /** What `content` is made of, where that is no disk but an archive's files: `tar`. */
  readonly archive?: string;
}

/** `write`: it is part of the disk, which is written if it can be. */
export interface FileUse {
  readonly write?: boolean;
}

/** What a format may ask of the place where its file was. */
export interface FormatContext {
  /** The format that was asked for by name; undefined where it was found out. */
  readonly asked: string | undefined;
  /** Files that an archive may have. */
  readonly maxEntries: number;
  /** Throws a FormatError of `format` where `what` ("a chunk") has more bytes than the host holds in one piece. */
  mustFit(format: string, what: string, bytes: number): void;
  /** What compressed bytes inside of a file stand for, by range. A FormatError of `format` where the host cannot undo them. */
  unpack(format: string, source: ByteSource, compression: Compression): Promise<ByteSource>;
  /** For chunks that are unpacked in one piece. */
  readonly chunks: ChunkDecoders;
  readonly member: string | undefined;
  readonly snapshot: string | undefined;
  /** The bytes of the file that an image names. A FormatError of `format` where it was not given. */
  sibling(format: string, name: string, use?: FileUse): Promise<ByteSource>;
  /** Another disk that this one builds on, opened as any disk. `format` undefined: found out. */
  parent(
    format: string,
    name: string,
    parentFormat?: string | undefined,
  ): Promise<{ readonly content: ByteSource; readonly layers: readonly Layer[]; readonly id?: string }>;
}

/** The first bytes of a file, and its last: what a format is recognised by. Both are as short as the file is. */
export interface Ends {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  readonly sizeBytes: number;
}

/** Bytes of a file that recognising may look at, at its begin and at its end. */
export const HEAD_BYTES = 16 * 1024;
export const TAIL_BYTES = 1024;

/**
 * A format. Laws: `open` reads headers and indexes alone, and of these a bounded part; whatever the bytes are, it ends, and
 * what is damaged is a FormatError. `content` reads by range, with memory bounded whatever the tables say; bytes that the
 * file should have and has not are an error, never zeros.
 */
export interface Format {
  readonly name: string;
  /** By more than a magic number, so that a disk is never taken for something that it only begins like. */
  matches(ends: Ends): boolean;
  open(source: ByteSource, context: FormatContext): MaybePromise<OpenedFormat>;
}
