/** A partition table in the words of sfdisk(8): read off a disk, changed, and written again. */

import { HostError } from '../../errors/host-error.ts';
import type { Workshop } from '../workshop.ts';

export interface TableEntry {
  readonly number: number;
  /** In sectors of 512 bytes. */
  readonly start: number;
  readonly size: number;
  /** All else that sfdisk says of it, from the comma on: type, uuid, name, attrs, bootable. */
  readonly rest: string;
}

export interface PartitionTable {
  readonly label: string;
  /** The lines before the partitions: `name: value`. */
  readonly headers: ReadonlyMap<string, string>;
  readonly entries: readonly TableEntry[];
}

export const SECTOR_BYTES = 512;
/** Types of DOS partitions that hold logical ones. */
const EXTENDED = /, type=(5|f|85)\b/i;
/** Numbers of logical partitions in a DOS table begin with it. */
const FIRST_LOGICAL = 5;
/** Where partitions begin and end by custom: on a MiB; and what every file system has as a block. */
const CUSTOM = 2048;
const BLOCK = 8;
/** A DOS table has 32 bits for each number. */
const MOST_DOS_SECTORS = 2 ** 32 - 1;

/** What `sfdisk --dump` says. */
export function parseTable(dump: string): PartitionTable {
  const headers = new Map<string, string>();
  const entries: TableEntry[] = [];
  for (const line of dump.split('\n')) {
    const entry = /^\S*?(\d+) : start=\s*(\d+), size=\s*(\d+)(.*)$/.exec(line);
    const header = /^([a-z-]+): (.*)$/.exec(line);
    if (entry) {
      const [, number, start, size, rest = ''] = entry;
      entries.push({ number: Number(number), start: Number(start), size: Number(size), rest });
    } else if (header) headers.set(header[1] ?? '', header[2] ?? '');
  }
  return { label: headers.get('label') ?? '', headers, entries };
}

/** The same as sfdisk reads it. Numbers stay, gaps too: sfdisk takes them from the end of a name. */
export function tableScript({ headers, entries }: PartitionTable): string {
  const lines = [...headers].filter(([name]) => name !== 'device').map(([name, value]) => `${name}: ${value}`);
  const parts = entries.map(
    ({ number, start, size, rest }) => `/dev/vda${number} : start=${start}, size=${size}${rest}`,
  );
  return `${[...lines, '', ...parts].join('\n')}\n`;
}

/** Where a partition may end on a disk of so many sectors; the backup of a GPT lies behind that. */
function endOfRoom({ label, headers }: PartitionTable, sectors: number): number {
  if (label !== 'gpt') return Math.min(sectors, MOST_DOS_SECTORS);
  const entrySectors = Math.ceil((Number(headers.get('table-length') ?? 128) * 128) / SECTOR_BYTES);
  return sectors - entrySectors - 1;
}

export interface ResizedTable {
  readonly table: PartitionTable;
  /** The partition as it was and will be. */
  readonly before: TableEntry;
  readonly after: TableEntry;
}

/** The table for a disk of `sectors`, in which partition `number` ends where the disk does. Throws `cannot-resize`. */
export function resizedTable(table: PartitionTable, number: number, sectors: number): ResizedTable {
  const { label, headers, entries } = table;
  if (label !== 'gpt' && label !== 'dos') throw cannot(`partition tables of type ${label} are not changed`);
  if (headers.get('sector-size') !== undefined && headers.get('sector-size') !== String(SECTOR_BYTES))
    throw cannot('its table counts in other sectors than of 512 bytes');
  const before = entries.find((entry) => entry.number === number);
  if (!before) throw cannot(`there is no partition ${number}`);
  const isLogical = label === 'dos' && number >= FIRST_LOGICAL;
  const holds = (entry: TableEntry) => isLogical && entry.number < FIRST_LOGICAL && EXTENDED.test(entry.rest);
  const behind = entries.find((entry) => entry.start > before.start && entry.number !== number);
  if (behind)
    throw cannot(`partition ${behind.number} lies behind partition ${number}: only the last one gives and takes room`);

  const room = endOfRoom(table, sectors);
  const grain = before.start % CUSTOM === 0 && room - before.start >= CUSTOM ? CUSTOM : BLOCK;
  const size = Math.floor((room - before.start) / grain) * grain;
  if (size <= 0)
    throw cannot(`partition ${number} begins at byte ${before.start * SECTOR_BYTES}: that leaves nothing of it`);
  const after = { ...before, size };
  const changed = entries.map((entry) => {
    if (entry.number === number) return after;
    return holds(entry) ? { ...entry, size: before.start + size - entry.start } : entry;
  });
  const moved = new Map(headers);
  if (label === 'gpt') moved.set('last-lba', String(room - 1));
  return { table: { label, headers: moved, entries: changed }, before, after };
}

const cannot = (reason: string): HostError => new HostError('cannot-resize', reason);

export const readTable = async (shop: Workshop, disk: string): Promise<PartitionTable> =>
  parseTable(await dumpTable(shop, disk));

/** As `sfdisk --dump` says it, and reads it again. */
export async function dumpTable(shop: Workshop, disk: string): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  await shop.must(['sfdisk', '--dump', disk], {
    stdout(bytes) {
      text += decoder.decode(bytes, { stream: true });
    },
  });
  return text;
}

/** `words` go to sfdisk, too. The kernel knows the partitions afterwards; their content stays. */
export async function writeTable(
  shop: Workshop,
  disk: string,
  script: string,
  words: readonly string[] = [],
): Promise<void> {
  let isRead = false;
  const stdin = async () => {
    if (isRead) return undefined;
    isRead = true;
    return new TextEncoder().encode(script);
  };
  await shop.must(['sfdisk', '--quiet', '--wipe', 'never', '--wipe-partitions', 'never', ...words, disk], { stdin });
}
