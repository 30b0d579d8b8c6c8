/** A volume group of LVM2 as its metadata tells it: where each logical volume's pieces are (lvm2: lib/format_text/import_vsn1.c). */

import { MetadataError } from '../bad-stack.ts';
import { listIn, numberIn, type Section, textIn } from './text.ts';

/** A piece of a physical or of a logical volume. */
export interface Place {
  /** A name in `physical` or `logical`. */
  readonly of: string;
  readonly extent: number;
}

export interface LvSegment {
  readonly startExtent: number;
  readonly extents: number;
  /** `striped`, `raid1`, `thin` …; flags that lvm2 adds behind a + are left out. */
  readonly type: string;
  readonly section: Section;
}

export interface LogicalVolume {
  readonly name: string;
  readonly uuid: string;
  /** To be used by itself, not only as a part of others. */
  readonly isVisible: boolean;
  /** Its group lets it be written. */
  readonly isWritable: boolean;
  readonly segments: readonly LvSegment[];
  readonly extents: number;
}

export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  readonly extentSectors: number;
  readonly physical: ReadonlyMap<
    string,
    { readonly uuid: string; readonly startSector: number; readonly extents: number }
  >;
  readonly logical: ReadonlyMap<string, LogicalVolume>;
  /** By the name of a snapshot of the old kind: what it is of. */
  readonly snapshots: ReadonlyMap<string, { readonly origin: string; readonly chunkSectors: number }>;
}

const MAX_EXTENTS = 2 ** 32;
const MAX_SEGMENTS = 65_536;
const bare = (uuid: string): string => uuid.replaceAll('-', '');

export function volumeGroup(name: string, section: Section): VolumeGroup {
  const extentSectors = numberIn(section, 'extent_size', 2 ** 32);
  if (extentSectors === 0) throw new MetadataError('its metadata is damaged: extents of no sectors');
  const physical = new Map(
    [...(section.sections.get('physical_volumes')?.sections ?? [])].map(([key, pv]) => [
      key,
      {
        uuid: bare(textIn(pv, 'id')),
        startSector: numberIn(pv, 'pe_start'),
        extents: numberIn(pv, 'pe_count', MAX_EXTENTS),
      },
    ]),
  );
  const logical = new Map<string, LogicalVolume>();
  const snapshots = new Map<string, { origin: string; chunkSectors: number }>();
  for (const [key, lv] of section.sections.get('logical_volumes')?.sections ?? []) {
    const segments = segmentsOf(lv);
    const [first] = segments;
    if (first?.type === 'snapshot') {
      const origin = first.section.values.get('origin');
      // A snapshot that is being merged into its origin has both in other members.
      if (typeof origin !== 'string') throw new MetadataError(`the snapshot ${key} is being merged into its origin`);
      snapshots.set(textIn(first.section, 'cow_store'), {
        origin,
        chunkSectors: numberIn(first.section, 'chunk_size', 2 ** 20),
      });
      continue;
    }
    logical.set(key, {
      name: key,
      uuid: textIn(lv, 'id'),
      isVisible: listIn(lv, 'status').includes('VISIBLE'),
      isWritable: listIn(lv, 'status').includes('WRITE'),
      segments,
      extents: segments.reduce((sum, { extents }) => sum + extents, 0),
    });
  }
  return { name, uuid: bare(textIn(section, 'id')), extentSectors, physical, logical, snapshots };
}

function segmentsOf(lv: Section): readonly LvSegment[] {
  const count = numberIn(lv, 'segment_count', MAX_SEGMENTS);
  const segments: LvSegment[] = [];
  let expected = 0;
  for (let i = 1; i <= count; i += 1) {
    const section = lv.sections.get(`segment${i}`);
    if (section === undefined) throw new MetadataError(`its metadata is damaged: segment${i} is missing`);
    const startExtent = numberIn(section, 'start_extent', MAX_EXTENTS);
    const extents = numberIn(section, 'extent_count', MAX_EXTENTS);
    if (startExtent !== expected || extents === 0)
      throw new MetadataError(`its metadata is damaged: segment${i} is not where it should be`);
    expected += extents;
    const [type = ''] = textIn(section, 'type').split('+');
    segments.push({ startExtent, extents, type, section });
  }
  return segments;
}

/** Names and extents in turns. */
export function placesIn(section: Section, name: string): readonly Place[] {
  const list = listIn(section, name);
  const places: Place[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const [of, extent] = [list[i], list[i + 1]];
    if (typeof of !== 'string' || typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 0)
      throw new MetadataError(`its metadata is damaged: ${name}`);
    places.push({ of, extent });
  }
  if (places.length === 0) throw new MetadataError(`its metadata is damaged: ${name} is empty`);
  return places;
}

/** Names alone. */
export function namesIn(section: Section, name: string): readonly string[] {
  const list = listIn(section, name);
  if (list.length > 0 && list.every((one) => typeof one === 'string')) return list as string[];
  throw new MetadataError(`its metadata is damaged: ${name}`);
}
