/** `lkl mkimage`: a whole disk of definitions: the partition table, and what is in each partition. */

import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isZero } from '../../../src/bytes/zeros.ts';
import type { Linux } from '../../../src/linux.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { type Layout, layOut, tableWords } from '../../../src/tools/disk/layout.ts';
import type { DiskPlan, FileSystemContent, PlannedPartition } from '../../../src/tools/disk/plan.ts';
import { verityBytes } from '../../../src/tools/disk/verity-tree.ts';
import { fileSystemTools } from '../../../src/tools/file-system/file-systems.ts';
import { likelyBytes, measureTree } from '../../../src/tools/file-system/tree-measure.ts';
import { writeTable } from '../../../src/tools/partitions/partition-table.ts';
import { settled } from '../../../src/tree/write/settled.ts';
import { tellLosses } from '../../copy/cptofs.ts';
import { Failure, printable } from '../../failure.ts';
import { makeImageFile } from '../image-file.ts';
import { type MkfsJob, mkfsOf } from '../mkfs.ts';
import { inWorkshopOf, notAfterNs, toolEngine } from '../shop.ts';
import { readDefinitions } from './definitions.ts';
import { type GatherOptions, gatheredTree, sourcePath } from './gathered-tree.ts';
import { makeSwap, makeVerity } from './special.ts';
import { bytesOf, derivedUuid, partitionUuid, seedBytes, uuidText } from './uuids.ts';

export interface MkimageOptions {
  readonly output: string;
  readonly size?: number;
  readonly table?: 'gpt' | 'dos';
  readonly root?: string;
  readonly input?: string;
  readonly image?: string;
  readonly architecture: string;
  readonly keepOwner?: true;
  readonly force?: true;
  readonly seed?: string;
  readonly json?: true;
  readonly quiet?: true;
}

/** What is in a partition, in a file or still to be made, and the bytes that it needs. */
interface Part {
  readonly partition: PlannedPartition;
  uuid: string;
  bytes: number;
  file: string | undefined;
}

/** Whether every file is there. Nothing is at `output` when it rejects. */
export async function mkimage(path: string, options: MkimageOptions): Promise<boolean> {
  const { plan, folder, ignored } = readDefinitions(path, {
    table: options.table,
    size: options.size,
    architecture: options.architecture,
    image: options.image,
    hasRoot: options.root !== undefined,
  });
  for (const one of ignored) console.error(`lkl: ${printable(one)}`);
  const scratch = mkdtempSync(join(tmpdir(), 'lkl-mkimage-'));
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const input = options.input ?? folder;
    const gather = { root: options.root, folder: input, keepOwner: options.keepOwner === true };
    return await new DiskMaker(await toolEngine(), plan, options, gather, scratch).make();
  } finally {
    remove();
    process.off('exit', remove);
  }
}

class DiskMaker {
  readonly #engine: Linux;
  readonly #plan: DiskPlan;
  readonly #options: MkimageOptions;
  readonly #gather: GatherOptions;
  readonly #scratch: string;
  readonly #seed: Uint8Array;
  readonly #parts: readonly Part[];
  readonly #rootHashes: string[] = [];
  #isWhole = true;

  constructor(engine: Linux, plan: DiskPlan, options: MkimageOptions, gather: GatherOptions, scratch: string) {
    this.#engine = engine;
    this.#plan = plan;
    this.#options = options;
    this.#gather = gather;
    this.#scratch = scratch;
    this.#seed = seedBytes(options.seed);
    const before = new Map<string, number>();
    this.#parts = plan.partitions.map((partition) => {
      const { typeGuid } = partition;
      const count = before.get(typeGuid) ?? 0;
      before.set(typeGuid, count + 1);
      return {
        partition,
        uuid: partition.uuid ?? partitionUuid(this.#seed, typeGuid, count),
        bytes: 0,
        file: undefined,
      };
    });
  }

  async make(): Promise<boolean> {
    const hashes: Part[] = [];
    for (const part of this.#parts) {
      if (part.partition.content.kind === 'verity') hashes.push(part);
      else await this.#measure(part);
    }
    const hasRoom = this.#plan.sizeBytes !== undefined;
    // How large hashes are depends on their data, which may still grow: that is laid out first.
    for (const part of hashes) part.bytes = verityBytes(this.#needed(this.#dataOf(part)));
    if (hasRoom && hashes.some((part) => this.#dataOf(part).file === undefined))
      throw new Failure('usage', 'the data of dm-verity is of a size of its own: Minimize=best, squashfs or erofs');
    const layout = layOut(
      this.#plan,
      this.#parts.map((part) => this.#needed(part)),
    );
    for (const [i, part] of this.#parts.entries()) await this.#fill(part, layout.partitions[i]?.sizeBytes ?? 0);
    for (const part of hashes) this.#hash(part);
    await this.#write(layout);
    this.#tell(layout);
    return this.#isWhole;
  }

  readonly #needed = ({ bytes, partition: { minBytes } }: Part): number => Math.max(bytes, minBytes ?? 0);

  #dataOf({ partition: { content, name } }: Part): Part {
    const found = content.kind === 'verity' ? this.#parts[content.of] : undefined;
    if (found) return found;
    throw new Error(`${name} has no data`);
  }

  /** How large it is at least; what has a size of its own is made at once. */
  async #measure(part: Part): Promise<void> {
    const { content, minBytes, name } = part.partition;
    if (content.kind === 'blocks') {
      part.file = sourcePath(content.path, this.#gather);
      part.bytes = statSync(part.file).size;
    } else if (content.kind === 'file-system') {
      const isOfTree = fileSystemTools(content.type)?.make === undefined;
      if (isOfTree || content.minimize) {
        part.file = await this.#makeFileSystem(part, content, isOfTree ? undefined : 'fit');
        part.bytes = statSync(part.file).size;
      } else part.bytes = content.bytes ?? (await this.#likely(content, minBytes));
    } else if (content.kind !== 'empty' && minBytes === undefined)
      throw new Failure('usage', `${name}: nobody says how large it is to be (SizeMinBytes=)`);
  }

  /** What is said is taken for what is meant; else what its tree is likely to need. */
  async #likely(content: FileSystemContent, minBytes: number | undefined): Promise<number> {
    const least = fileSystemTools(content.type)?.leastBytes ?? 0;
    if (minBytes !== undefined) return Math.max(least, minBytes);
    return Math.max(least, likelyBytes(content.type, await measureTree(gatheredTree(content, this.#gather))));
  }

  /** What becomes as large as its partition. */
  async #fill(part: Part, sizeBytes: number): Promise<void> {
    const { content } = part.partition;
    if (content.kind === 'file-system' && part.file === undefined)
      part.file = await this.#makeFileSystem(part, content, content.bytes ?? sizeBytes);
    if (content.kind === 'swap') {
      part.file = this.#path(part);
      const uuid = content.uuid ?? this.#contentUuid(part);
      await makeSwap(this.#engine, this.#world(part), part.file, sizeBytes, { label: content.label, uuid });
    }
  }

  #hash(part: Part): void {
    const data = this.#dataOf(part);
    part.file = this.#path(part);
    const salt = bytesOf(derivedUuid(bytesOf(part.uuid), 'verity-salt'));
    const { rootHash } = makeVerity(data.file ?? '', part.file, { uuid: bytesOf(this.#contentUuid(part)), salt });
    // As the Discoverable Partitions Specification wants it: the halves of the hash find both partitions.
    if (data.partition.uuid === undefined) data.uuid = uuidText(rootHash.subarray(0, 16));
    if (part.partition.uuid === undefined) part.uuid = uuidText(rootHash.subarray(-16));
    const hash = Buffer.from(rootHash).toString('hex');
    this.#rootHashes.push(hash);
    if (!this.#options.json) console.log(`roothash=${hash}`);
  }

  async #makeFileSystem(part: Part, content: FileSystemContent, size: number | 'fit' | undefined): Promise<string> {
    const image = this.#path(part);
    const { type } = content;
    const uuid = content.uuid ?? this.#contentUuid(part);
    const job: MkfsJob = {
      engine: this.#engine,
      image,
      more: content.more,
      contents: () => settled(gatheredTree(content, this.#gather), { notAfterNs: notAfterNs() }),
      options: {
        ...this.#world(part),
        type,
        quiet: true,
        ...(size !== undefined && { size }),
        ...labelOf(content),
        ...(type !== 'exfat' &&
          type !== 'squashfs' && { uuid: type === 'vfat' ? uuid.slice(0, 8).toUpperCase() : uuid }),
      },
    };
    try {
      const report = await mkfsOf(job);
      if (report && !tellLosses(report)) this.#isWhole = false;
    } catch (cause) {
      if (cause instanceof Failure)
        throw new Failure(cause.kind, cause.message.replace(image, part.partition.name), cause.log);
      throw cause;
    }
    return image;
  }

  readonly #path = (part: Part): string => join(this.#scratch, String(this.#parts.indexOf(part)));
  readonly #contentUuid = (part: Part): string => derivedUuid(bytesOf(part.uuid), 'file-system-uuid');
  readonly #world = (part: Part) =>
    this.#options.seed === undefined ? {} : { seed: `${this.#options.seed} ${this.#parts.indexOf(part)}` };

  async #write(layout: Layout): Promise<void> {
    const { output, force } = this.#options;
    const made = makeImageFile(output, { size: layout.sizeBytes, ...(force && { force }) });
    try {
      if (this.#plan.table !== 'none') {
        const words = tableWords(
          this.#plan,
          layout,
          this.#diskId(),
          this.#parts.map(({ uuid }) => uuid),
        );
        await inWorkshopOf(this.#engine, {}, async (shop) => {
          await writeTable(shop, await shop.attach(rawDevice(made.file)), words);
          await shop.commit();
        });
      }
      for (const [i, { file, partition }] of this.#parts.entries()) {
        const laid = layout.partitions[i];
        if (file === undefined || !laid) continue;
        if (statSync(file).size > laid.sizeBytes)
          throw new Failure('image', `${partition.name}: what is in it is larger than it may be`);
        copyInto(file, (at, bytes) => made.file.write(laid.startBytes + at, bytes));
      }
      await made.file.flush();
      made.keep();
    } catch (cause) {
      made.discard();
      throw cause;
    }
  }

  #diskId(): string {
    const uuid = derivedUuid(this.#seed, 'disk-uuid');
    return this.#plan.table === 'gpt' ? uuid : `0x${uuid.slice(0, 8)}`;
  }

  #tell(layout: Layout): void {
    if (!this.#options.json) return;
    const rows = this.#parts.map(({ partition, uuid }, i) => ({
      name: partition.name,
      label: partition.label,
      type: partition.typeGuid,
      ...(this.#plan.table === 'gpt' && { uuid }),
      start_bytes: layout.partitions[i]?.startBytes,
      size_bytes: layout.partitions[i]?.sizeBytes,
      content: partition.content.kind === 'file-system' ? partition.content.type : partition.content.kind,
    }));
    console.log(JSON.stringify({ roothash: this.#rootHashes[0], partitions: rows }, null, 2));
  }
}

/** As much of it as the file system has room for, which of FAT are capitals. */
function labelOf({ type, label }: FileSystemContent): { readonly label?: string } {
  const most = fileSystemTools(type)?.labelBytes ?? 0;
  if (label === undefined || most === 0) return {};
  const bytes = Buffer.from(type === 'vfat' ? label.toUpperCase() : label).subarray(0, most);
  return { label: new TextDecoder().decode(bytes, { stream: true }) };
}

const PIECE = 1024 * 1024;
const BLOCK = 4096;

/** Holes stay holes. */
function copyInto(path: string, write: (at: number, bytes: Uint8Array) => void): void {
  const fd = openSync(path, 'r');
  const piece = new Uint8Array(PIECE);
  try {
    for (let at = 0; ; ) {
      const got = readSync(fd, piece, 0, PIECE, at);
      if (got === 0) return;
      for (let from = 0; from < got; from += BLOCK) {
        const block = piece.subarray(from, Math.min(from + BLOCK, got));
        if (!isZero(block)) write(at + from, block);
      }
      at += got;
    }
  } finally {
    closeSync(fd);
  }
}
