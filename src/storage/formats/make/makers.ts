/** How a disk is made into each of the formats, in a file and as a stream. */

import type { ByteSource } from '../../byte-source.ts';
import { dataRuns } from '../../sources/data-runs.ts';
import { sourceStream } from '../../sources/source-stream.ts';
import { qcow2ToFile } from '../qcow2/make/to-file.ts';
import { qcow2Stream } from '../qcow2/make/to-stream.ts';
import { vdiLayout } from '../vdi/make.ts';
import { fixedFooter, sectorsOf, vhdLayout } from '../vhd/make.ts';
import { vhdxLayout } from '../vhdx/make.ts';
import { vmdkLayout } from '../vmdk/make/layout.ts';
import { vmdkStream } from '../vmdk/make/to-stream.ts';
import { DiskId } from './disk-id.ts';
import type { MadeFormat } from './made-formats.ts';
import {
  type BlockLayout,
  blocksStream,
  blocksToFile,
  HOLE_BYTES,
  type MadeStream,
  type StreamOptions,
  type WriteAt,
} from './made-of-blocks.ts';

export interface MakeOptions extends StreamOptions {
  /** RFC 1950. */
  readonly deflate: (bytes: Uint8Array) => Uint8Array;
  /** Of a VHDX, as isVhdxBlock has it. Default: as large as the disk wants it. */
  readonly blockBytes?: number;
}

export interface Maker {
  /** Answers how long the file is; what of it is not written is a hole. */
  toFile(disk: ByteSource, write: WriteAt, options: MakeOptions): Promise<number>;
  /** Rejects, before anything is sent, with a StorageError where the disk is too large for it. */
  stream(disk: ByteSource, options: MakeOptions): Promise<MadeStream>;
}

const SECTOR = 512;

const ofBlocks = (layoutOf: (diskBytes: number, blockBytes?: number) => BlockLayout): Maker => ({
  toFile: async (disk, write, { blockBytes, progress }) =>
    blocksToFile(disk, layoutOf(disk.sizeBytes, blockBytes), write, progress),
  stream: async (disk, options) => blocksStream(disk, layoutOf(disk.sizeBytes, options.blockBytes), options),
});

const rawToFile: Maker['toFile'] = async (disk, write, { progress }) => {
  for await (const { at, bytes } of dataRuns(disk, HOLE_BYTES)) {
    await write(at, bytes);
    await progress?.(at + bytes.length);
  }
  return disk.sizeBytes;
};

const rawStream: Maker['stream'] = async (disk, { progress }) => ({
  fileBytes: disk.sizeBytes,
  async writeTo(sink) {
    for await (const { at, bytes } of sourceStream(disk)) {
      await sink(bytes);
      await progress?.(at + bytes.length);
    }
  },
});

export const makers: Readonly<Record<MadeFormat, Maker>> = {
  raw: { toFile: rawToFile, stream: rawStream },
  qcow2: {
    toFile: (disk, write, { progress }) => qcow2ToFile(disk, write, progress),
    stream: (disk, { lookBytes }) => qcow2Stream(disk, lookBytes),
  },
  vmdk: ofBlocks(vmdkLayout),
  'vmdk-stream': {
    async toFile(disk, write, { deflate, progress }) {
      let at = 0;
      const sink = async (bytes: Uint8Array) => {
        await write(at, bytes);
        at += bytes.length;
      };
      await vmdkStream(disk, sink, { deflate, ...(progress && { progress }) });
      return at;
    },
    async stream(disk, { deflate, progress }) {
      return { writeTo: (sink) => vmdkStream(disk, sink, { deflate, ...(progress && { progress }) }) };
    },
  },
  vhd: ofBlocks(vhdLayout),
  'vhd-fixed': {
    async toFile(disk, write, options) {
      const at = SECTOR * sectorsOf(disk.sizeBytes);
      await rawToFile(disk, write, options);
      await write(at, fixedFooter(disk.sizeBytes, new DiskId(disk.sizeBytes).uuid()));
      return at + SECTOR;
    },
    async stream(disk, { name, ...options }) {
      const at = SECTOR * sectorsOf(disk.sizeBytes);
      const raw = await rawStream(disk, options);
      return {
        fileBytes: at + SECTOR,
        async writeTo(sink) {
          await raw.writeTo(sink);
          await sink(new Uint8Array(at - disk.sizeBytes));
          await sink(fixedFooter(disk.sizeBytes, new DiskId(disk.sizeBytes, name).uuid()));
        },
      };
    },
  },
  vdi: ofBlocks(vdiLayout),
  vhdx: ofBlocks(vhdxLayout),
};
