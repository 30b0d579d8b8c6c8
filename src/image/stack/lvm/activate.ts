/** Makes devices of logical volumes: a table for each, its parts before itself, as lvm2's activation does. */

import type { Target } from '../../../kernel/syscalls/device-mapper.ts';
import { MetadataError } from '../bad-stack.ts';
import { type KernelDevice, numberOf } from '../kernel-device.ts';
import { numberIn, type Section, textIn } from './text.ts';
import { type LogicalVolume, type LvSegment, namesIn, type Place, placesIn, type VolumeGroup } from './volume-group.ts';

export interface Activation {
  /** By the UUIDs of physical volumes. */
  readonly disks: ReadonlyMap<string, KernelDevice>;
  /** Of those that are longer than what there is of them: how many sectors are there. */
  readonly cut: ReadonlyMap<string, number>;
  /** A device with this table. */
  make(table: readonly Target[], options?: { readonly readOnly?: boolean }): Promise<KernelDevice>;
  /** All copies are written, and what snapshots are to keep of it first. */
  readonly writable: boolean;
}

/** A disk that the group needs is not there. */
export class MissingDiskError extends MetadataError {}

/** A disk is shorter than what the group has on it. */
export class CutError extends MetadataError {}

/** What needs drivers that this kernel has not. */
const KINDS: Readonly<Record<string, string>> = {
  vdo: 'a deduplicated volume',
  'vdo-pool': 'a deduplicated volume',
  integrity: 'a volume with sums beside it',
};

/** Volumes in volumes: a group has some levels, a cycle none that ends. */
const MAX_DEPTH = 8;

export class Activator {
  readonly #group: VolumeGroup;
  readonly #activation: Activation;
  readonly #made = new Map<string, Promise<KernelDevice>>();
  readonly #snapshots = new Map<string, Promise<KernelDevice>>();
  /** What is missing of each that was made, and of what is being made; they are made one after another. */
  readonly #lacking = new Map<string, ReadonlySet<string>>();
  #lacks = new Set<string>();
  /** Volumes that snapshots are of. */
  readonly #origins: ReadonlySet<string>;

  constructor(group: VolumeGroup, activation: Activation) {
    this.#group = group;
    this.#activation = activation;
    const external = [...group.logical.values()].flatMap(({ segments }) =>
      segments.map(({ section }) => section.values.get('external_origin')),
    );
    const old = [...group.snapshots.values()].map(({ origin }) => origin);
    this.#origins = new Set([...old, ...external.filter((one) => typeof one === 'string')]);
  }

  /** With what of it lies behind the end of a disk, in numbers. */
  async open(volume: LogicalVolume): Promise<{ readonly device: KernelDevice; readonly cut: string | undefined }> {
    this.#lacks = new Set();
    const device = await this.#shown(volume);
    return { device, cut: [...this.#lacks].join('; ') || undefined };
  }

  /** The device of a volume as people see it: of a snapshot what it shows, not what it stores. */
  async #shown({ name }: LogicalVolume): Promise<KernelDevice> {
    const snapshot = this.#group.snapshots.get(name);
    if (snapshot === undefined) {
      const device = await this.#device(name, 0);
      if (!this.#origins.has(name)) return device;
      // What others are made of is theirs: a file system is mounted on a device of its own in front of it.
      const { sectors } = device;
      const keeping = [...this.#group.snapshots].filter(([, { origin }]) => origin === name).map(([store]) => store);
      if (!this.#activation.writable || keeping.length === 0) {
        const readOnly = this.#activation.writable; // thin volumes go on from it: they have nothing of what it was
        return this.#activation.make([{ start: 0, sectors, type: 'linear', params: `${numberOf(device)} 0` }], {
          readOnly,
        });
      }
      // What is overwritten goes to the snapshots first: all of them must be there.
      for (const store of keeping) await this.#snapshot(store);
      return this.#activation.make([{ start: 0, sectors, type: 'snapshot-origin', params: numberOf(device) }]);
    }
    return this.#snapshot(name);
  }

  /** What a snapshot shows. Each is made once: the kernel has one for each store. */
  #snapshot(name: string): Promise<KernelDevice> {
    const made = this.#snapshots.get(name) ?? this.#makeSnapshot(name);
    this.#snapshots.set(name, made);
    return made;
  }

  async #makeSnapshot(name: string): Promise<KernelDevice> {
    const snapshot = this.#group.snapshots.get(name);
    if (snapshot === undefined) throw new MetadataError(`its metadata is damaged: there is no snapshot ${name}`);
    const origin = await this.#device(snapshot.origin, 0);
    const store = await this.#device(name, 0);
    const params = `${numberOf(origin)} ${numberOf(store)} P ${snapshot.chunkSectors}`;
    return this.#activation.make([{ start: 0, sectors: origin.sectors, type: 'snapshot', params }]);
  }

  /** Each is made once; a cycle never gets there. */
  #device(name: string, depth: number): Promise<KernelDevice> {
    if (depth > MAX_DEPTH) throw new MetadataError('its volumes are made of each other');
    const made = this.#made.get(name) ?? this.#makeNoting(name, depth);
    this.#made.set(name, made);
    return made.finally(() => {
      for (const one of this.#lacking.get(name) ?? []) this.#lacks.add(one);
    });
  }

  async #makeNoting(name: string, depth: number): Promise<KernelDevice> {
    const outer = this.#lacks;
    this.#lacks = new Set();
    try {
      return await this.#make(name, depth);
    } finally {
      this.#lacking.set(name, this.#lacks);
      this.#lacks = outer;
    }
  }

  async #make(name: string, depth: number): Promise<KernelDevice> {
    const volume = this.#group.logical.get(name);
    if (volume === undefined) throw new MetadataError(`its metadata is damaged: there is no volume ${name}`);
    const table: Target[] = [];
    for (const segment of volume.segments) table.push(await this.#target(segment, depth));
    if (table.length === 0) throw new MetadataError(`the volume ${name} is empty`);
    const readOnly = this.#activation.writable && volume.isVisible && !volume.isWritable;
    return this.#activation.make(table, { readOnly });
  }

  async #target(segment: LvSegment, depth: number): Promise<Target> {
    const { extentSectors } = this.#group;
    const { type, section } = segment;
    const place = { start: segment.startExtent * extentSectors, sectors: segment.extents * extentSectors };
    const device = async (name: string) => numberOf(await this.#device(name, depth + 1));
    switch (type) {
      case 'linear':
      case 'striped':
        return { ...place, ...(await this.#striped(segment, depth)) };
      case 'mirror': {
        // The first image is the one that others are copied from: whatever is in it is right.
        const images = placesIn(section, 'mirrors');
        if (this.#activation.writable) return { ...place, type, params: await this.#mirror(segment, images, depth) };
        return { ...place, type: 'linear', params: await this.#firstThere(images, segment.extents, depth) };
      }
      case 'thin': {
        const pool = await device(textIn(section, 'thin_pool'));
        const origin = section.values.get('external_origin');
        const external = typeof origin === 'string' ? ` ${await device(origin)}` : '';
        return { ...place, type: 'thin', params: `${pool} ${numberIn(section, 'device_id', 2 ** 24)}${external}` };
      }
      case 'thin-pool': {
        const metadata = await device(textIn(section, 'metadata'));
        const data = await device(textIn(section, 'pool'));
        const chunk = numberIn(section, 'chunk_size', 2 ** 32);
        const isBare = section.values.get('zero_new_blocks') === 0 || !this.#activation.writable;
        const features = [
          ...(isBare ? ['skip_block_zeroing'] : []), // else what is new in a block shows what was in it before
          ...(this.#activation.writable ? [] : ['ignore_discard']),
          'no_discard_passdown',
          'error_if_no_space',
        ];
        return { ...place, type, params: [metadata, data, chunk, 0, features.length, ...features].join(' ') };
      }
      case 'cache':
        return { ...place, type, params: await this.#cache(section, device) };
      case 'writecache': {
        const [origin, cache] = [textIn(section, 'origin'), textIn(section, 'writecache')];
        const block = numberIn(section, 'writecache_block_size', 2 ** 16);
        // "s": a cache on a disk, not in persistent memory
        return { ...place, type, params: `s ${await device(origin)} ${await device(cache)} ${block} 0` };
      }
      case 'zero':
      case 'error':
        return { ...place, type, params: '' };
      default:
        if (/^raid\d/.test(type)) return { ...place, type: 'raid', params: await this.#raid(segment, depth) };
        throw new MetadataError(`${KINDS[type] ?? 'a kind of volume'} that is not read here (${type})`);
    }
  }

  /**
   * A cache may hold what its origin has not: the kernel's own driver reads both. Its parts are volumes of a pool, or ranges of
   * one volume (lvm2 lib/cache_segtype/cache.c, Documentation/admin-guide/device-mapper/cache.rst).
   */
  async #cache(section: Section, device: (name: string) => Promise<string>): Promise<string> {
    const pool = textIn(section, 'cache_pool');
    const isOneVolume = section.values.has('metadata_start');
    const about = isOneVolume ? section : this.#group.logical.get(pool)?.segments[0]?.section;
    if (about === undefined) throw new MetadataError(`its metadata is damaged: there is no cache ${pool}`);
    const part = async (name: string): Promise<string> => {
      if (!isOneVolume) return device(textIn(about, name));
      const [start, sectors] = [numberIn(about, `${name}_start`), numberIn(about, `${name}_len`)];
      return numberOf(
        await this.#activation.make([{ start: 0, sectors, type: 'linear', params: `${await device(pool)} ${start}` }]),
      );
    };
    const chunk = numberIn(about, 'chunk_size', 2 ** 21);
    const mode = about.values.get('cache_mode') ?? 'writethrough';
    const features = [...(about.values.get('metadata_format') === 2 ? ['metadata2'] : []), `${mode}`];
    // Where nothing is written, what is read often need not move there.
    const policy = this.#activation.writable ? 'smq 0' : 'smq 2 migration_threshold 0';
    const parts = [await part('metadata'), await part('data'), await device(textIn(section, 'origin'))];
    return [...parts, chunk, features.length, ...features, policy].join(' ');
  }

  async #striped({ section, extents }: LvSegment, depth: number): Promise<Pick<Target, 'type' | 'params'>> {
    const places = placesIn(section, 'stripes');
    const parts: string[] = [];
    for (const place of places) parts.push(await this.#place(place, Math.ceil(extents / places.length), depth));
    if (parts.length === 1) return { type: 'linear', params: parts.join() };
    return {
      type: 'striped',
      params: `${parts.length} ${numberIn(section, 'stripe_size', 2 ** 32)} ${parts.join(' ')}`,
    };
  }

  /** Parts of it that are not there are told to the kernel, which knows whether it can do without. */
  async #raid({ type, section }: LvSegment, depth: number): Promise<string> {
    const isBare = section.values.has('raid0_lvs');
    const names = namesIn(section, isBare ? 'raid0_lvs' : 'raids');
    const pairs: string[] = [];
    const there = async (name: string) => numberOf(await this.#device(name, depth + 1));
    for (let i = 0; i < names.length; i += isBare ? 1 : 2) {
      const [first = '', second = ''] = names.slice(i, i + 2);
      try {
        pairs.push(isBare ? `- ${await there(first)}` : `${await there(first)} ${await there(second)}`);
      } catch (cause) {
        // What is not written with the others is no part of them any more.
        if (!(cause instanceof MissingDiskError) || this.#activation.writable) throw cause;
        pairs.push('- -');
      }
    }
    const stripe = section.values.has('stripe_size') ? numberIn(section, 'stripe_size', 2 ** 32) : 0;
    const region = section.values.has('region_size') ? numberIn(section, 'region_size', 2 ** 32) : 0;
    const params = [`${stripe}`, ...(region > 0 ? ['region_size', `${region}`] : [])];
    const kind = { raid0_meta: 'raid0', raid5: 'raid5_ls', raid6: 'raid6_zr' }[type] ?? type;
    // As few as there may be: each has a page of every disk, and a group may have many arrays.
    if (/^raid[456]/.test(kind)) params.push('stripe_cache', '1');
    if (kind === 'raid10') {
      const copies = section.values.has('data_copies') ? numberIn(section, 'data_copies', 64) : 2;
      params.push('raid10_copies', `${copies}`);
    }
    return [kind, params.length, ...params, pairs.length, ...pairs].join(' ');
  }

  /** All images, and the log that knows which regions of them are the same; without a log the next activation copies all. */
  async #mirror({ section, extents }: LvSegment, images: readonly Place[], depth: number): Promise<string> {
    const region = numberIn(section, 'region_size', 2 ** 32);
    const log = section.values.get('mirror_log');
    const device = typeof log === 'string' ? numberOf(await this.#device(log, depth + 1)) : undefined;
    const kept = device === undefined ? ['core', 2, region, 'nosync'] : ['disk', 2, device, region];
    const places: string[] = [];
    for (const image of images) places.push(await this.#place(image, extents, depth));
    return [...kept, places.length, ...places].join(' ');
  }

  async #firstThere(places: readonly Place[], extents: number, depth: number): Promise<string> {
    let missing: unknown;
    for (const place of places) {
      try {
        return await this.#place(place, extents, depth);
      } catch (cause) {
        if (!(cause instanceof MissingDiskError)) throw cause;
        missing = cause;
      }
    }
    throw missing;
  }

  /** A device and a sector of it. */
  async #place({ of, extent }: Place, extents: number, depth: number): Promise<string> {
    const { physical, extentSectors } = this.#group;
    const disk = physical.get(of);
    if (disk === undefined) return `${numberOf(await this.#device(of, depth + 1))} ${extent * extentSectors}`;
    const device = this.#activation.disks.get(disk.uuid);
    if (device === undefined) throw new MissingDiskError(`it needs the disk ${dashed(disk.uuid)}, which is not here`);
    const start = disk.startSector + extent * extentSectors;
    const end = start + extents * extentSectors;
    const numbers = (sectors: number) => {
      const [there, needed] = [sectors, end].map((one) => (one * 512).toLocaleString('en'));
      return `a disk of its group has ${there} bytes, it ends at ${needed}`;
    };
    if (end > device.sectors) throw new CutError(numbers(device.sectors));
    const there = this.#activation.cut.get(disk.uuid) ?? end;
    if (end > there) this.#lacks.add(numbers(there));
    return `${numberOf(device)} ${start}`;
  }
}

/** As lvm2 shows UUIDs. */
export const dashed = (uuid: string): string =>
  uuid.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
