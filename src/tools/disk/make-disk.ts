/** Makes a whole disk of a plan: the partition table, and what is in each partition. */

import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../bytes/hex.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Host } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';
import { slice } from '../../storage/layers/slice.ts';
import type { CopyReport } from '../../tree/write/copy-tree.ts';
import type { Entry } from '../../tree/write/entry.ts';
import { settled } from '../../tree/write/settled.ts';
import { fileSystemTools, type MakeRequest } from '../file-system/file-systems.ts';
import { type FillReport, fillFileSystem, noEntries } from '../file-system/fill-file-system.ts';
import { makeFileSystem } from '../file-system/make-file-system.ts';
import { makeOfTree } from '../file-system/make-of-tree.ts';
import { isFull, makeToFit } from '../file-system/make-to-fit.ts';
import { likelyBytes, measureTree } from '../file-system/tree-measure.ts';
import {
  type EncryptedDisk,
  LUKS_HEADER_BYTES,
  LUKS_LABEL_BYTES,
  type LuksRequest,
  whileOpen,
} from '../luks/encrypted-disk.ts';
import { writeTable } from '../partitions/partition-table.ts';
import type { Workshop } from '../workshop.ts';
import { copyAll, copyInto } from './copy-into.ts';
import { gatheredTree } from './gathered-tree.ts';
import { type HybridEntry, writeHybridMbr } from './hybrid-mbr.ts';
import { type Laid, type Layout, layOut, tableWords } from './layout.ts';
import type { DiskPlan, FileSystemContent, PlannedPartition, TreeSource } from './plan.ts';
import { cut, swapHeader } from './swap.ts';
import { derivedUuid, partitionUuid, seedBytes, uuidBytes, uuidText } from './uuids.ts';
import { verityBytes, writeVerity } from './verity.ts';

export interface ScratchDisk {
  readonly device: BlockDevice;
  close(): void | Promise<void>;
}

/** What a host gives for it. */
export interface DiskMakingHost extends Pick<Host, 'entropy'> {
  /** Runs `work` on a kernel of its own, whose randomness the seed decides. */
  inWorkshop<T>(seed: string | undefined, work: (shop: Workshop) => Promise<T>): Promise<T>;
  /** A disk of zeros that costs what is written to it. */
  scratch(bytes: number): ScratchDisk | Promise<ScratchDisk>;
  /** The disk that is asked for, of zeros; asked for once. */
  target(bytes: number): BlockDevice | Promise<BlockDevice>;
  /** A source's files. `beside`: the kernel that they go into, if one is there already. */
  entries(source: TreeSource, beside: Kernel | undefined): AsyncIterable<Entry>;
  /** What goes into a partition as it is. */
  blocks(path: string): BlockDevice | Promise<BlockDevice>;
  /** A new LUKS2 volume on a disk. Default: partitions that are to be encrypted are refused. */
  readonly encrypt?:
    | ((disk: BlockDevice, request: Pick<LuksRequest, 'uuid' | 'label'>) => Promise<EncryptedDisk>)
    | undefined;
  /** Default: a slower one. */
  readonly sha256?: (...pieces: readonly Uint8Array[]) => Uint8Array;
  /** Nothing is newer: nanoseconds since 1970. */
  readonly notAfterNs?: bigint | undefined;
  /** Words for programs that are to do with little memory. */
  readonly words?: (type: string) => readonly string[];
}

export interface MadePartition extends Laid {
  readonly planned: PlannedPartition;
  readonly uuid: string;
  /** Of what was put into its file system. */
  readonly filled: CopyReport | undefined;
}

export interface MadeDisk {
  readonly sizeBytes: number;
  readonly partitions: readonly MadePartition[];
  /** Of dm-verity, in the order of the partitions with hashes, as hex. */
  readonly rootHashes: readonly string[];
}

/** What becomes as large as its content is made on a disk of this size: more than any of it can be, and sparse. */
const ROOM = 2 ** 40;

/**
 * All is on `host.target` when this settles, and flushed. Rejects with `invalid-request` for what cannot be, and with whatever making and
 * filling a file system does, naming the partition.
 */
export async function makeDisk(plan: DiskPlan, host: DiskMakingHost, seed: string | undefined): Promise<MadeDisk> {
  const maker = new DiskMaker(plan, host, seed);
  try {
    return await maker.make();
  } finally {
    await maker.close();
  }
}

/** What is in a partition, on a disk of its own or in its place, and the bytes that it needs. */
interface Part {
  readonly index: number;
  readonly planned: PlannedPartition;
  uuid: string;
  bytes: number;
  device: BlockDevice | undefined;
  isInPlace: boolean;
  filled: CopyReport | undefined;
}

class DiskMaker {
  readonly #plan: DiskPlan;
  readonly #host: DiskMakingHost;
  readonly #seed: string | undefined;
  readonly #base: Uint8Array;
  readonly #parts: readonly Part[];
  readonly #scratch: ScratchDisk[] = [];

  constructor(plan: DiskPlan, host: DiskMakingHost, seed: string | undefined) {
    this.#plan = plan;
    this.#host = host;
    this.#seed = seed;
    this.#base = seedBytes(seed, host);
    const before = new Map<string, number>();
    this.#parts = plan.partitions.map((planned, index) => {
      const { typeGuid } = planned;
      const count = before.get(typeGuid) ?? 0;
      before.set(typeGuid, count + 1);
      const uuid = planned.uuid ?? partitionUuid(this.#base, typeGuid, count);
      return { index, planned, uuid, bytes: 0, device: undefined, isInPlace: false, filled: undefined };
    });
  }

  async make(): Promise<MadeDisk> {
    const hashes = this.#parts.filter(({ planned }) => planned.content.kind === 'verity');
    for (const part of this.#parts) if (!hashes.includes(part)) await this.#measure(part);
    // How large hashes are depends on their data, which may still grow: that is laid out first.
    for (const part of hashes) part.bytes = verityBytes(needed(this.#dataOf(part)));
    if (this.#plan.sizeBytes !== undefined && hashes.some((part) => !this.#dataOf(part).device))
      throw refused('the data of dm-verity is of a size of its own: Minimize=best, squashfs or erofs');
    const layout = layOut(this.#plan, this.#parts.map(needed));
    const target = await this.#host.target(layout.sizeBytes);
    for (const part of this.#parts) if (!hashes.includes(part)) await this.#fill(part, target, laidOf(layout, part));
    const rootHashes: string[] = [];
    for (const part of hashes) rootHashes.push(await this.#hash(part, target, laidOf(layout, part)));
    // Hashes decide UUIDs, so the table comes after them; what is copied may lie over its first sectors, so that comes last.
    await this.#writeTable(target, layout);
    for (const part of this.#parts) await this.#copy(part, target, laidOf(layout, part));
    await target.flush?.();
    const partitions = this.#parts.map((part) => ({ ...laidOf(layout, part), ...part }));
    return { sizeBytes: layout.sizeBytes, partitions, rootHashes };
  }

  async close(): Promise<void> {
    for (const one of this.#scratch.splice(0)) await one.close();
  }

  #dataOf({ planned: { content, name } }: Part): Part {
    const found = content.kind === 'verity' ? this.#parts[content.of] : undefined;
    if (found) return found;
    throw new Error(`${name} has no data`);
  }

  /** How large it is at least; what has a size of its own is made at once. */
  async #measure(part: Part): Promise<void> {
    const { content, minBytes, name } = part.planned;
    if (content.kind === 'blocks') part.device = await this.#blocks(part, content.path);
    else if (content.kind === 'file-system') {
      if (fileSystemTools(content.type)?.make === undefined) part.device = await this.#named(part, this.#ofTree(part));
      else if (content.minimize) part.device = await this.#named(part, this.#minimized(part, content));
      else part.bytes = content.bytes ?? (await this.#likely(part, content));
    } else if (content.kind !== 'empty' && minBytes === undefined)
      throw refused(`${name}: nobody says how large it is to be (SizeMinBytes=)`);
    if (part.device) part.bytes = bytesOf(part.device);
  }

  /** What is said is taken for what is meant; else what its tree is likely to need. */
  async #likely(part: Part, content: FileSystemContent): Promise<number> {
    const before = bytesBefore(part);
    const { minBytes } = part.planned;
    const least = before + (fileSystemTools(content.type)?.leastBytes ?? 0);
    if (minBytes !== undefined) return Math.max(least, minBytes);
    return Math.max(least, before + likelyBytes(content.type, await measureTree(this.#tree(content))));
  }

  /** As they are, or in a volume of their own. */
  async #blocks(part: Part, path: string): Promise<BlockDevice> {
    const blocks = await this.#host.blocks(path);
    if (!part.planned.isEncrypted) return blocks;
    const sectors = Math.ceil(bytesOf(blocks) / SECTOR);
    const scratch = await this.#newScratch(LUKS_HEADER_BYTES + sectors * SECTOR);
    await this.#named(
      part,
      this.#onDisk(part, scratch.device, (disk) => copyAll(blocks, disk)),
    );
    return scratch.device;
  }

  /** Runs `work` on the disk, or on the encrypted volume that it becomes. */
  async #onDisk<T>(part: Part, disk: BlockDevice, work: (disk: BlockDevice) => Promise<T>): Promise<T> {
    const { isEncrypted, label } = part.planned;
    if (!isEncrypted) return work(disk);
    if (!this.#host.encrypt)
      throw refused('it is to be encrypted, which is done by the command alone, with a key file');
    const encrypted = await this.#host.encrypt(disk, {
      uuid: derivedUuid(uuidBytes(part.uuid), 'luks-uuid'),
      label: label === undefined ? undefined : new TextDecoder().decode(cut(label, LUKS_LABEL_BYTES)),
    });
    return whileOpen(encrypted, work);
  }

  /** What becomes as large as its partition. */
  async #fill(part: Part, target: BlockDevice, { startBytes, sizeBytes }: Laid): Promise<void> {
    const { content, name } = part.planned;
    if (content.kind === 'file-system' && !part.device) {
      if (startBytes % SECTOR !== 0) throw refused(`${name} begins at byte ${startBytes}, inside of a sector`);
      part.device = slice(target, startBytes, content.bytes ?? sizeBytes);
      part.isInPlace = true;
      await this.#named(part, this.#makeOn(part, content, part.device, content.more));
    }
    if (content.kind === 'swap') {
      const uuid = content.uuid ?? contentUuid(part);
      const header = swapHeader(sizeBytes - bytesBefore(part), uuid, content.label);
      const write = async (disk: BlockDevice) => disk.write?.(0, header);
      await this.#named(part, this.#onDisk(part, slice(target, startBytes, sizeBytes), write));
    }
  }

  async #hash(part: Part, target: BlockDevice, { startBytes, sizeBytes }: Laid): Promise<string> {
    const of = this.#dataOf(part);
    if (!of.device) throw refused(`${of.planned.name} has nothing to be hashed`);
    const rootHash = await writeVerity({
      uuid: uuidBytes(contentUuid(part)),
      salt: uuidBytes(derivedUuid(uuidBytes(part.uuid), 'verity-salt')),
      data: of.device,
      target: slice(target, startBytes, sizeBytes),
      sha256: this.#host.sha256 ?? slowSha256,
    });
    // As the Discoverable Partitions Specification wants it: the halves of the hash find both partitions.
    if (of.planned.uuid === undefined) of.uuid = uuidText(rootHash.subarray(0, 16));
    if (part.planned.uuid === undefined) part.uuid = uuidText(rootHash.subarray(-16));
    return toHex(rootHash);
  }

  async #writeTable(target: BlockDevice, layout: Layout): Promise<void> {
    if (this.#plan.table === 'none') return;
    const uuid = derivedUuid(this.#base, 'disk-uuid');
    const id = this.#plan.table === 'gpt' ? uuid : `0x${uuid.slice(0, 8)}`;
    const uuids = this.#parts.map((part) => part.uuid);
    const script = tableWords(this.#plan, layout, id, uuids);
    await this.#host.inWorkshop(this.#seed, async (shop) => {
      await writeTable(shop, await shop.attach(target), script);
      await shop.commit();
    });
    if (this.#plan.isHybrid) await writeHybridMbr(target, this.#hybridEntries(layout));
  }

  #hybridEntries(layout: Layout): readonly HybridEntry[] {
    return this.#parts.flatMap((part) => {
      const { inTable, typeCode, bootable } = part.planned;
      if (!inTable || typeCode === undefined) return [];
      return { laid: laidOf(layout, part), code: Number.parseInt(typeCode, 16), bootable };
    });
  }

  async #copy({ device, isInPlace, planned }: Part, target: BlockDevice, laid: Laid): Promise<void> {
    if (!device || isInPlace) return;
    if (bytesOf(device) > laid.sizeBytes)
      throw new HostError('no-room-in-image', `${planned.name}: what is in it is larger than it may be`);
    await copyInto(device, target, laid.startBytes);
  }

  readonly #tree = (content: FileSystemContent, beside?: Kernel): AsyncIterable<Entry> =>
    settled(
      gatheredTree(content, (source) => this.#host.entries(source, beside)),
      { notAfterNs: this.#host.notAfterNs },
    );

  async #minimized(part: Part, content: FileSystemContent): Promise<BlockDevice> {
    const { type, more } = content;
    let made: ScratchDisk | undefined;
    const request = { type, more, measure: await measureTree(this.#tree(content)) };
    const bytes = await makeToFit(request, async (size, words, isEmpty) => {
      await made?.close();
      made = undefined;
      made = await this.#newScratch(size + bytesBefore(part));
      return (await this.#makeOn(part, content, made.device, words, isEmpty)).freeBytes;
    });
    if (bytes === undefined || !made) throw refused(`what is in the tree fits into no ${type}`);
    return (made as ScratchDisk).device;
  }

  async #makeOn(
    part: Part,
    content: FileSystemContent,
    device: BlockDevice,
    more: readonly string[],
    isEmpty = false,
  ): Promise<FillReport> {
    const { type } = content;
    return this.#onDisk(part, device, (disk) =>
      this.#host.inWorkshop(this.#seedOf(part), async (shop) => {
        const path = await shop.attach(disk);
        await makeFileSystem(shop, path, type, { ...this.#request(part, content), more });
        const filled = await fillFileSystem(shop, path, type, isEmpty ? noEntries() : this.#tree(content, shop.kernel));
        await shop.commit();
        part.filled = filled;
        return filled;
      }),
    );
  }

  async #ofTree(part: Part): Promise<BlockDevice> {
    const { content } = part.planned;
    if (content.kind !== 'file-system') throw new Error('a tree is of a file system');
    const [target, scratch] = [await this.#newScratch(ROOM), await this.#newScratch(ROOM)];
    const request = this.#request(part, content);
    const { report, bytes } = await this.#onDisk(part, target.device, (disk) =>
      this.#host.inWorkshop(this.#seedOf(part), (shop) => {
        const disks = { scratch: scratch.device, target: disk };
        return makeOfTree(shop, disks, content.type, request, this.#tree(content, shop.kernel));
      }),
    );
    await scratch.close();
    part.filled = report;
    return slice(target.device, 0, bytesBefore(part) + bytes);
  }

  /** As much of the label as the file system has room for, which of FAT are capitals. */
  #request(part: Part, { type, label, uuid, more }: FileSystemContent): MakeRequest {
    const most = fileSystemTools(type)?.labelBytes ?? 0;
    const words = [...(this.#host.words?.(type) ?? []), ...more];
    const named = type === 'vfat' ? label?.toUpperCase() : label;
    const id = uuid ?? contentUuid(part);
    return {
      more: words,
      label: named === undefined || most === 0 ? undefined : new TextDecoder().decode(cut(named, most)),
      uuid: withoutUuid.has(type) ? undefined : type === 'vfat' ? id.slice(0, 8).toUpperCase() : id,
    };
  }

  readonly #seedOf = ({ index }: Part): string | undefined =>
    this.#seed === undefined ? undefined : `${this.#seed} ${index}`;

  async #newScratch(bytes: number): Promise<ScratchDisk> {
    const disk = await this.#host.scratch(bytes);
    let isOpen = true;
    const once: ScratchDisk = {
      device: disk.device,
      async close() {
        if (isOpen) await disk.close();
        isOpen = false;
      },
    };
    this.#scratch.push(once);
    return once;
  }

  /** What goes wrong in a partition says which it is. */
  async #named<T>({ planned: { name } }: Part, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      if (isFull(cause))
        throw new HostError('no-room-in-image', `${name}: no room for ${cause.path ?? 'it'}`, { cause });
      if (cause instanceof HostError && NAMED.has(cause.kind))
        throw new HostError(cause.kind, `${name}: ${cause.message}`, { cause });
      throw cause;
    }
  }
}

/** Errors of what is asked for a partition, not of the host. */
const NAMED: ReadonlySet<string> = new Set(['invalid-request', 'tool-failed', 'unknown-file-system']);

/** Programs that give it an identity of their own. */
const withoutUuid: ReadonlySet<string> = new Set(['exfat', 'squashfs', 'ntfs']);

const needed = ({ bytes, planned: { minBytes } }: Part): number => Math.max(bytes, minBytes ?? 0);

/** What a partition has before its content. */
const bytesBefore = ({ planned: { isEncrypted } }: Part): number => (isEncrypted ? LUKS_HEADER_BYTES : 0);

const contentUuid = (part: Part): string => derivedUuid(uuidBytes(part.uuid), 'file-system-uuid');

function laidOf({ partitions }: Layout, { index }: Part): Laid {
  const laid = partitions[index];
  if (laid) return laid;
  throw new Error(`there is no partition ${index}`);
}

function slowSha256(...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = sha256.create();
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

const refused = (reason: string): HostError => new HostError('invalid-request', reason);
