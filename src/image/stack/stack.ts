/** Opens what is stacked on disks: what lies in an array, a volume group or an encrypted volume is looked at as disks are. */

import { HostError } from '../../errors/host-error.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { createMapping, removeMapping, type Target } from '../../kernel/syscalls/device-mapper.ts';
import { close } from '../../kernel/syscalls/file.ts';
import { setSysctl } from '../../kernel/syscalls/sysctl.ts';
import type { PlayedTask } from '../../kernel/user-task.ts';
import { SECTOR } from '../../storage/block-device.ts';
import { isOverruled, primaryGpt } from '../probe/partition-table/gpt.ts';
import { ownPartitions, volumesOf } from '../volumes/disk-volumes.ts';
import { exposed, memberType } from '../volumes/exposed.ts';
import { type ProbedVolume, type Volume, wholeVolume } from '../volumes/volumes.ts';
import type { Volumes } from '../volumes/whole-or-partitions.ts';
import { MetadataError } from './bad-stack.ts';
import { DeviceReader, type KernelDevice, kernelDevice, numberOf } from './kernel-device.ts';
import type { Keyring } from './keyring.ts';
import type { Group, Kind, Made, StackTools } from './kind.ts';
import { bitLockerKind } from './kinds/bitlocker.ts';
import { luksKind } from './kinds/luks.ts';
import { lvmKind } from './kinds/lvm.ts';
import { mdKind } from './kinds/md.ts';
import { partitionsIn } from './partitions.ts';

/** What could not be opened, and why not. */
export interface Closed {
  readonly members: readonly ProbedVolume[];
  readonly problem: HostError;
}

export interface Stacked {
  /** In the order in which they were opened. */
  readonly opened: readonly Volumes[];
  readonly closed: readonly Closed[];
}

const kinds: readonly Kind[] = [luksKind, bitLockerKind, mdKind, lvmKind];

const upTo = (device: KernelDevice, sectors: number): readonly Target[] => [
  { start: 0, sectors: device.sectors, type: 'linear', params: `${numberOf(device)} 0` },
  { start: device.sectors, sectors: sectors - device.sectors, type: 'error', params: '' },
];

/** Deeper than anybody stacks: metadata that goes round in circles ends here. Each volume is a file that is open, of 1024. */
const MAX_DEPTH = 8;
const MAX_VOLUMES = 960;

/** Each has a thread of the kernel, which starts with a limit of 512 for everything. */
const FEW_VOLUMES = 256;
const THREADS_MAX = String(2 * MAX_VOLUMES);

/** Arrays of other machines have names from this one downwards, as mdadm(8) gives them. */
const LAST_ARRAY = 127;

export interface StackParts {
  readonly kernel: Kernel;
  readonly task: PlayedTask;
  readonly keyring: Keyring;
  readonly header?: StackTools['header'];
  readonly evenIfIncomplete?: boolean;
  readonly writable?: boolean;
  /** Only what is of this type is a file system. */
  readonly type: string | undefined;
}

export class Stack {
  readonly #parts: StackParts;
  readonly #reader: DeviceReader;
  readonly #tools: StackTools;
  readonly #opened: Volumes[] = [];
  readonly #closed: Closed[] = [];
  readonly #depths = new Map<string, number>();
  readonly #atEnd: (() => Promise<void>)[] = [];
  #made = 0;
  #arrays = 0;

  constructor(parts: StackParts) {
    this.#parts = parts;
    const { kernel, task, keyring, header, evenIfIncomplete = false, writable = false } = parts;
    this.#reader = new DeviceReader(task);
    this.#tools = {
      kernel,
      task,
      keyring,
      header,
      evenIfIncomplete,
      writable,
      atEnd: (work) => void this.#atEnd.push(work),
      device: ({ name }) => kernelDevice(kernel, task, name),
      nextArray: () => `md${LAST_ARRAY - this.#arrays++}`,
      make: (table, options) => this.#make(table, options),
      readOnce: (table, bytes) => this.#readOnce(table, bytes),
      extend: (device, sectors) => this.#make(upTo(device, sectors)),
    };
  }

  /** All that can be opened of `disks`, whose members are taken as `members` says: what is in a volume may be a member again. */
  async open(disks: readonly Volumes[]): Promise<Stacked> {
    let waiting: ProbedVolume[] = [];
    for (const disk of disks) waiting.push(...(await exposed(disk)));
    const done = new Set<string>();
    for (;;) {
      const groups = await this.#groups(waiting, done);
      // What one member is enough for may have the others of an array inside: arrays that lack members come last.
      const next = groups.find(({ isComplete }) => isComplete) ?? groups[0];
      if (next === undefined) return { opened: this.#opened, closed: this.#closed };
      for (const { name } of next.members) done.add(name);
      waiting = waiting.concat(await this.#open(next));
    }
  }

  /** A device as this one, so long that what lies behind its end can be asked for: that is an error to read. */
  async extended(volume: Volume, sectors: number): Promise<string> {
    const device = await this.#tools.device(volume);
    return (await this.#make(upTo(device, sectors))).name;
  }

  /** Lets go of all that was opened, so that each of it has its metadata in order: nothing of it may be in use. */
  async close(): Promise<void> {
    await this.#reader.close();
    for (const work of this.#atEnd.splice(0).reverse()) await work();
  }

  async #groups(waiting: readonly ProbedVolume[], done: ReadonlySet<string>): Promise<Group[]> {
    const groups: Group[] = [];
    for (const kind of kinds) {
      const members: ProbedVolume[] = [];
      for (const volume of waiting) {
        if (!done.has(volume.name) && (await this.#typeOf(volume)) === kind.type) members.push(volume);
      }
      if (members.length > 0) groups.push(...(await kind.group(members, this.#tools)));
    }
    return groups;
  }

  /** With a header of its own a disk looks like nothing. */
  async #typeOf(volume: ProbedVolume): Promise<string | undefined> {
    const type = await memberType(volume);
    if (type !== undefined || this.#tools.header === undefined || this.#depths.has(volume.name)) return type;
    return (await volume.content()) === undefined && volume.superblocks.length === 0 ? luksKind.type : undefined;
  }

  async #open(group: Group): Promise<ProbedVolume[]> {
    const { members } = group;
    const closed = (problem: HostError) => this.#closed.push({ members, problem });
    try {
      const depth = 1 + Math.max(...members.map(({ name }) => this.#depths.get(name) ?? 0));
      if (depth > MAX_DEPTH)
        throw new HostError('bad-stack', `more than ${MAX_DEPTH} volumes are stacked on each other`);
      const found: ProbedVolume[] = [];
      for (const made of await group.open(closed)) {
        const volumes = await this.#look(made);
        this.#opened.push(volumes);
        for (const { name } of [volumes.whole, ...volumes.partitions]) this.#depths.set(name, depth);
        found.push(...(await exposed(volumes)));
      }
      return found;
    } catch (cause) {
      closed(this.#problemOf(cause, group));
      return [];
    }
  }

  /** What is the image's fault leaves this group closed; all else is thrown. */
  #problemOf(cause: unknown, { members, type }: Group): HostError {
    const title = `${members.map(({ title }) => title).join(', ')} (${type})`;
    if (cause instanceof MetadataError) return new HostError('bad-stack', `${title}: ${cause.message}`, { cause });
    if (cause instanceof HostError) return cause;
    if (cause instanceof KernelError && cause.errno !== 'ENOMEM')
      return new HostError('bad-stack', `${title}: the kernel refuses it: ${cause.message}`, { cause });
    throw cause;
  }

  async #look({ device, title, names = [], kind, label, on, cut }: Made): Promise<Volumes> {
    const bytes = await this.#reader.bytesOf(device);
    const whole = wholeVolume(device.name, device.sectors, {
      title,
      names: [device.name, ...names],
      kind,
      label,
      on,
      cut,
    });
    const { task, kernel, type } = this.#parts;
    const gpt = isOverruled(await bytes.read(0, SECTOR)) ? undefined : await primaryGpt(bytes);
    const probed = {
      whole,
      bytes,
      gpt,
      type,
      bytesOf: async (volume: Volume) => this.#reader.bytesOf(await kernelDevice(kernel, task, volume.name)),
    };
    return volumesOf(probed, async (table) => {
      if (device.name.startsWith('md')) {
        await kernel.makeBlockNodes(device.name); // its partitions are looked for when it is first opened: by now
        return ownPartitions(task, whole)();
      }
      if (table === undefined) return [];
      const seen: Volume[] = [];
      for (const volume of await partitionsIn(kernel, task, device.name, whole)) {
        const params = `${numberOf(device)} ${volume.startSector}`;
        const { name } = await this.#make([{ start: 0, sectors: volume.sectors, type: 'linear', params }]);
        seen.push({ ...volume, name, names: [name, ...volume.names.slice(1)] });
      }
      return seen;
    });
  }

  async #make(table: readonly Target[], { readOnly = false } = {}): Promise<KernelDevice> {
    const { task } = this.#parts;
    const name = `stack${this.#made}`;
    const device = await this.#mapping(name, table, readOnly);
    this.#atEnd.push(() => removeMapping(task, name));
    return device;
  }

  async #mapping(name: string, table: readonly Target[], readOnly: boolean): Promise<KernelDevice> {
    const { kernel, task } = this.#parts;
    if (this.#made >= MAX_VOLUMES) throw new HostError('bad-stack', `more than ${MAX_VOLUMES} volumes are stacked`);
    if (this.#made === FEW_VOLUMES) await setSysctl(kernel.init, 'kernel.threads-max', THREADS_MAX);
    this.#made += 1;
    return kernelDevice(kernel, task, await createMapping(task, name, table, { readOnly }));
  }

  async #readOnce(table: readonly Target[], bytes: number): Promise<Uint8Array> {
    const name = `once${this.#made}`;
    const device = await this.#mapping(name, table, true);
    const reader = await this.#reader.bytesOf(device, { allOrError: true });
    try {
      return await reader.read(0, bytes);
    } finally {
      await close(this.#parts.task, reader.fd);
      await removeMapping(this.#parts.task, name);
    }
  }
}
