/** Reads the label of an LVM2 physical volume and the metadata that it keeps (lvm2: lib/format_text/layout.h, lib/label/label.h). */

import { crc32 } from '../../../bytes/crc32.ts';
import { fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';
import { MetadataError } from '../bad-stack.ts';
import { parseText, type Section } from './text.ts';

export interface PhysicalVolume {
  /** 32 letters and digits, without dashes. */
  readonly uuid: string;
  /** Name and content of the group, as this volume knows it; undefined where it keeps none, or only damaged ones. */
  readonly group: { readonly name: string; readonly section: Section } | undefined;
  /** Why it has no group, where it should. */
  readonly damage: string | undefined;
}

const SECTOR = 512;
/** The label is in one of the first sectors. */
const LABEL_SECTORS = 4;
const AREAS = 16;
const MDA_HEADER_BYTES = 512;
const MDA_MAGIC = ' LVM2 x[5A%r0N*>';
const IGNORED = 1;
const MAX_TEXT_BYTES = 16 * 2 ** 20;

/** lvm2's own start value, and no inversion at the end. */
const checksum = (bytes: Uint8Array): number => ~crc32(bytes, ~0xf597a6cf) >>> 0;

export async function physicalVolume(bytes: VolumeBytes): Promise<PhysicalVolume> {
  const label = await labelOf(bytes);
  const header = await fieldsAt(bytes, label.headerAt, 40 + 16 * AREAS * 2);
  const uuid = header.ascii(0, 32);
  // The areas of data, then those of metadata; each list ends with an empty one.
  let at = 40;
  const list = () => {
    const areas: { readonly offset: number; readonly size: number }[] = [];
    for (; areas.length < AREAS && header.u64(at) !== 0; at += 16) {
      areas.push({ offset: header.u64(at), size: header.u64(at + 8) });
    }
    at += 16;
    return areas;
  };
  list();
  let damage: string | undefined;
  let newest: PhysicalVolume['group'];
  for (const { offset, size } of list()) {
    try {
      const text = await metadataIn(bytes, offset, size);
      if (text === undefined) continue;
      const group = groupIn(text);
      if (newest === undefined || sequenceOf(group.section) > sequenceOf(newest.section)) newest = group;
    } catch (cause) {
      if (!(cause instanceof MetadataError)) throw cause;
      damage = cause.message;
    }
  }
  return { uuid, group: newest, damage };
}

export const sequenceOf = ({ values }: Section): number => {
  const sequence = values.get('seqno');
  return typeof sequence === 'number' ? sequence : 0;
};

async function labelOf(bytes: VolumeBytes): Promise<{ readonly headerAt: number }> {
  for (let sector = 0; sector < LABEL_SECTORS; sector += 1) {
    const label = await fieldsAt(bytes, sector * SECTOR, SECTOR);
    if (label.ascii(0, 8) !== 'LABELONE' || label.ascii(24, 8) !== 'LVM2 001') continue;
    const offset = label.u32(20);
    if (label.u64(8) === sector && checksum(label.slice(20, SECTOR - 20)) === label.u32(16) && offset < SECTOR)
      return { headerAt: sector * SECTOR + offset };
  }
  throw new MetadataError('its label is damaged');
}

/** Undefined where it is empty or not to be looked at. */
async function metadataIn(bytes: VolumeBytes, areaAt: number, areaBytes: number): Promise<string | undefined> {
  const header = await fieldsAt(bytes, areaAt, MDA_HEADER_BYTES);
  if (header.ascii(4, 16) !== MDA_MAGIC || checksum(header.slice(4, MDA_HEADER_BYTES - 4)) !== header.u32(0))
    throw new MetadataError('the header of its metadata is damaged');
  const [start, size] = [header.u64(24), header.u64(32)];
  const [offset, length, sum, flags] = [header.u64(40), header.u64(48), header.u32(56), header.u32(60)];
  if (offset === 0 || length === 0 || flags & IGNORED) return undefined;
  const fits = start === areaAt && size <= areaBytes && offset >= MDA_HEADER_BYTES && offset < size;
  if (!fits || length > size - MDA_HEADER_BYTES || start + size > bytes.sizeBytes)
    throw new MetadataError('its metadata is said to lie where it cannot');
  if (length > MAX_TEXT_BYTES)
    throw new MetadataError(
      `its metadata has ${length.toLocaleString('en')} bytes, and ${MAX_TEXT_BYTES.toLocaleString('en')} at most are read`,
    );
  // A ring: what does not fit at the end goes on behind the header.
  const first = Math.min(length, size - offset);
  const text = new Uint8Array(length);
  text.set(await bytes.read(start + offset, first));
  if (length > first) text.set(await bytes.read(start + MDA_HEADER_BYTES, length - first), first);
  if (checksum(text) !== sum) throw new MetadataError('its metadata has another checksum than it says');
  return new TextDecoder().decode(text);
}

function groupIn(text: string): NonNullable<PhysicalVolume['group']> {
  for (const [name, section] of parseText(text).sections) {
    if (section.sections.has('physical_volumes')) return { name, section };
  }
  throw new MetadataError('its metadata has no volume group');
}
