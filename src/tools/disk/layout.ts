/** Where the partitions of a new disk lie: their sizes found, what is left given out by weight, the table as sfdisk reads it. */

import { HostError } from '../../errors/host-error.ts';
import { dosCode } from './definitions/partition-kinds.ts';
import type { DiskPlan, PlannedPartition } from './plan.ts';

export interface Laid {
  readonly startBytes: number;
  readonly sizeBytes: number;
}

export interface Layout {
  readonly sizeBytes: number;
  readonly partitions: readonly Laid[];
}

const MIB = 2 ** 20;
const SECTOR = 512;
/** Sizes are multiples of it: a block of most file systems, a page of swap. */
const GRAIN = 4096;
/** The protective MBR, the header and 128 entries. */
const GPT_SECTORS = 34;
/** A GPT has 33 sectors at the end. */
const GPT_END = 33 * SECTOR;
/** A DOS table numbers four; more are logical ones in the last of those. */
const DOS_PRIMARY = 4;

const up = (value: number, to: number): number => Math.ceil(value / to) * to;
const down = (value: number, to: number): number => Math.floor(value / to) * to;

/** `needs`: for each partition the bytes that it has at least, its content's included. Throws `invalid-request`. */
export function layOut(plan: DiskPlan, needs: readonly number[]): Layout {
  const { table, partitions, alignBytes, sizeBytes } = plan;
  if (table === 'dos' && partitions.filter(({ inTable }) => inTable).length > DOS_PRIMARY)
    throw refused(`a DOS table has ${DOS_PRIMARY} partitions`);
  const first = table === 'none' ? 0 : up(MIB, alignBytes);
  const sizes = partitions.map((partition, i) => up(Math.max(needs[i] ?? 0, partition.minBytes ?? 0), GRAIN));
  const placed = place(plan, sizes, first);
  const end = Math.max(...placed.map((one) => one.startBytes + one.sizeBytes), first);
  const tail = table === 'gpt' ? GPT_END : 0;
  if (sizeBytes === undefined) return { sizeBytes: up(end + tail, MIB), partitions: placed };
  const room = down(sizeBytes - tail, table === 'none' ? SECTOR : GRAIN) - end;
  if (room < 0) {
    const [has, wants] = [sizeBytes, up(end + tail, MIB)].map((bytes) => bytes.toLocaleString('en'));
    throw refused(`the disk has ${has} bytes, its partitions want ${wants}`);
  }
  return { sizeBytes, partitions: place(plan, withRoom(partitions, sizes, room), first) };
}

/** One behind another, or where it is told to be. */
function place({ table, partitions, alignBytes }: DiskPlan, sizes: readonly number[], first: number): readonly Laid[] {
  const laid: Laid[] = [];
  let next = first;
  for (const [i, { offset, inTable, name }] of partitions.entries()) {
    const startBytes = offset ?? up(next, alignBytes);
    const sizeBytes = sizes[i] ?? 0;
    const hit = laid.findIndex(
      (one) => startBytes < one.startBytes + one.sizeBytes && one.startBytes < startBytes + sizeBytes,
    );
    if (hit >= 0) throw refused(`${name} at byte ${startBytes} lies over ${partitions[hit]?.name}`);
    if (inTable && startBytes % SECTOR !== 0) throw refused(`${name} begins at byte ${startBytes}, inside of a sector`);
    // Boot code may lie in the sector before it.
    if (table === 'gpt' && startBytes < GPT_SECTORS * SECTOR && startBytes + sizeBytes > SECTOR)
      throw refused(`${name} at byte ${startBytes} lies over the partition table`);
    laid.push({ startBytes, sizeBytes });
    next = Math.max(next, startBytes + sizeBytes);
  }
  return laid;
}

/** By weight, none beyond what it may have; what one cannot take the others do. Where a place is given, what is before it is fixed. */
function withRoom(partitions: readonly PlannedPartition[], sizes: readonly number[], room: number): readonly number[] {
  const result = [...sizes];
  const lastFixed = partitions.findLastIndex(({ offset }) => offset !== undefined);
  const most = (i: number) => down(partitions[i]?.maxBytes ?? Number.MAX_SAFE_INTEGER, GRAIN);
  let open = partitions.map((_, i) => i).filter((i) => i >= lastFixed && (partitions[i]?.weight ?? 0) > 0);
  let left = room;
  while (open.length > 0 && left >= GRAIN) {
    const weights = open.reduce((sum, i) => sum + (partitions[i]?.weight ?? 0), 0);
    const given = left;
    const before = left;
    for (const i of open) {
      const share = down((given * (partitions[i]?.weight ?? 0)) / weights, GRAIN);
      const takes = Math.max(0, Math.min(share, most(i) - (result[i] ?? 0)));
      result[i] = (result[i] ?? 0) + takes;
      left -= takes;
    }
    open = open.filter((i) => (result[i] ?? 0) < most(i));
    if (left === before) break;
  }
  return alignedSizes(sizes, result);
}

/** What grew ends on a MiB, so that nothing lies between it and the next. */
function alignedSizes(before: readonly number[], sizes: readonly number[]): readonly number[] {
  return sizes.map((size, i) => {
    const isLast = i === sizes.length - 1;
    const aligned = down(size, MIB);
    if (isLast || size === before[i]) return size;
    return Math.max(aligned, before[i] ?? 0);
  });
}

/** As sfdisk(8) reads it. `uuids`: what partitions have that their definition does not say. */
export function tableWords(plan: DiskPlan, layout: Layout, id: string, uuids: readonly string[]): string {
  const lines = [`label: ${plan.table}`, `label-id: ${plan.id ?? id}`, 'unit: sectors'];
  const inTable = layout.partitions.filter((_, i) => plan.partitions[i]?.inTable);
  // Else sfdisk lets a GPT's partitions begin at 1 MiB.
  if (plan.table === 'gpt' && inTable.some(({ startBytes }) => startBytes < MIB))
    lines.push(`first-lba: ${GPT_SECTORS}`);
  lines.push('');
  for (const [i, partition] of plan.partitions.entries()) {
    const laid = layout.partitions[i];
    if (!partition.inTable || !laid) continue;
    const words = [`start=${laid.startBytes / SECTOR}`, `size=${laid.sizeBytes / SECTOR}`];
    if (plan.table === 'gpt') {
      words.push(`type=${partition.typeGuid}`, `uuid=${uuids[i]}`);
      if (partition.label !== undefined) words.push(`name="${quoted(partition.label)}"`);
      // What genimage makes of "bootable" there.
      const attributes = [...partition.attributes, ...(partition.bootable ? ['LegacyBIOSBootable'] : [])];
      if (attributes.length > 0) words.push(`attrs="${attributes.join(' ')}"`);
    } else {
      words.push(`type=${partition.typeCode ?? dosCode(partition.typeGuid)}`);
      if (partition.bootable) words.push('bootable');
    }
    lines.push(words.join(', '));
  }
  return `${lines.join('\n')}\n`;
}

/** libfdisk reads \xNN in names, and nothing else that is escaped. */
const quoted = (label: string): string =>
  Array.from(label, (char) => {
    const code = char.charCodeAt(0);
    return char === '"' || char === '\\' || code < 0x20 ? `\\x${code.toString(16).padStart(2, '0')}` : char;
  }).join('');

const refused = (reason: string): HostError => new HostError('invalid-request', reason);
