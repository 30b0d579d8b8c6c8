/** What `lkl info` shows: the disks, what is stacked on them, what stayed closed, subvolumes. */

import { textTable } from '../output/table.ts';

/** As the HTTP interface describes images (ImageDescription), and what wraps the disk. */
export interface Description extends DiskDescription {
  readonly stacked?: readonly Stacked[];
  readonly closed?: readonly { readonly on: readonly string[]; readonly error: string; readonly message: string }[];
  readonly also?: readonly DiskDescription[];
}

interface DiskDescription extends OnIt {
  readonly format?: string;
  /** What the disk is read through, the outermost first, and after each the files that it builds on. */
  readonly layers?: readonly { readonly format: string; readonly name?: string; readonly note?: string }[];
  /** What `--member` and `--state` could name. */
  readonly choices?: readonly {
    readonly kind: 'member' | 'snapshot';
    readonly name: string;
    readonly size_bytes?: number;
    readonly note?: string;
  }[];
  /** Why it is not whole. */
  readonly cut?: string;
  readonly size_bytes: number;
  readonly claimed_bytes?: number;
  readonly partition_table?: string;
  readonly partition_table_id?: string;
  readonly partitions: readonly (OnIt & {
    readonly number: number;
    readonly start_bytes: number;
    readonly size_bytes: number;
    readonly label?: string;
    readonly uuid?: string;
    readonly type_code?: string;
    readonly type_name?: string;
  })[];
}

interface OnIt {
  readonly content?: Content;
  readonly file_system?: Content & {
    readonly used_bytes?: number;
    readonly free_bytes?: number;
    readonly subvolumes?: readonly Subvolume[];
  };
}

interface Content {
  readonly type: string;
  /** What that is, where it is no file system of Linux. */
  readonly words?: string;
  readonly label?: string;
  readonly uuid?: string;
}

interface Stacked extends OnIt {
  readonly name: string;
  readonly kind: string;
  readonly on: readonly string[];
  readonly size_bytes: number;
}

interface Subvolume {
  readonly id: number;
  readonly path: string;
  readonly read_only: boolean;
  readonly snapshot: boolean;
  readonly default: boolean;
}

type Amount = (bytes: number) => string;

const CONTENT_COLUMNS = [
  ...['CONTENT', 'LABEL', 'UUID'].map((title) => ({ title })),
  ...['USED', 'FREE'].map((title) => ({ title, right: true })),
];

/** What is not closed, but cannot be read all the same. */
const STAYED: Readonly<Record<string, string>> = {
  'mount-failed': 'not mounted',
  'image-cut': 'not mounted',
  'no-file-system': 'not mounted',
};

export function textOf(description: Description, amount: Amount): string {
  const { also = [], stacked = [], closed = [] } = description;
  const parts = [diskText(description, amount)];
  for (const [i, disk] of also.entries()) parts.push(`image ${i + 2}\n${diskText(disk, amount)}`);
  if (stacked.length > 0) parts.push(stackText(stacked, amount));
  parts.push(...closed.map(({ error, message }) => `${STAYED[error] ?? 'closed'}: ${message}`));
  const all = [description, ...also].flatMap((disk) => [disk, ...disk.partitions]);
  const told = new Set<string | undefined>(); // a btrfs lies on several disks
  for (const { file_system } of [...all, ...stacked]) {
    if (file_system?.subvolumes === undefined || told.has(file_system.uuid)) continue;
    told.add(file_system.uuid);
    parts.push(subvolumesText(file_system, file_system.subvolumes));
  }
  return `${parts.join('\n\n')}\n`;
}

function diskText(description: DiskDescription, amount: Amount): string {
  const { format, layers = [], choices = [], cut, size_bytes, claimed_bytes } = description;
  const { partition_table, partition_table_id, partitions } = description;
  const through = layers.map((layer) => `${layer.name ?? layer.format}${layer.note ? ` (${layer.note})` : ''}`);
  const named = (kind: string) =>
    choices
      .filter((choice) => choice.kind === kind)
      .map((choice) => choice.name)
      .join(', ') || undefined;
  const facts: [string, string | undefined][] = [
    ['format', through.length > 0 ? through.join(' > ') : format],
    ['members', named('member')],
    ['states', named('snapshot')],
    ['not whole', cut],
    ['size', `${amount(size_bytes)} (${size_bytes} bytes)`],
    ['cut short', claimed_bytes === undefined ? undefined : `it says that it has ${claimed_bytes} bytes`],
    ['partition table', partition_table && [partition_table, partition_table_id].filter(Boolean).join(' ')],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const columns = [
    ...['PART', 'START', 'SIZE'].map((title) => ({ title, right: true })),
    ...['KIND', 'NAME', 'PARTUUID'].map((title) => ({ title })),
    ...CONTENT_COLUMNS,
  ];
  const isOn = (on: OnIt) => on.content !== undefined || on.file_system !== undefined;
  const rows = [
    ...(isOn(description) ? [['whole', '', amount(size_bytes), '', '', '', ...contentOf(description, amount)]] : []),
    ...partitions
      .filter((_, i) => !isRepeated(partitions, i))
      .map((partition) => [
        `${partition.number}`,
        `${partition.start_bytes}`,
        amount(partition.size_bytes),
        partition.type_name ?? partition.type_code ?? '',
        partition.label ?? '',
        partition.uuid ?? '',
        ...contentOf(partition, amount),
      ]),
  ];
  const table = rows.length > 0 ? ['', textTable(columns, rows)] : ['', 'nothing that is known is on it'];
  const repeated = partitions.filter((_, i) => isRepeated(partitions, i)).map(({ number }) => number);
  const note =
    repeated.length > 0
      ? [
          '',
          `partitions ${repeated[0]} to ${repeated.at(-1)} are the one before once more: the table goes round in a circle`,
        ]
      : [];
  return [...lines, ...table, ...note].join('\n');
}

/** A chain of logical partitions that leads back to itself is read until there are 255. */
function isRepeated(partitions: DiskDescription['partitions'], i: number): boolean {
  const [before, own] = [partitions[i - 1], partitions[i]];
  return before?.start_bytes === own?.start_bytes && before?.size_bytes === own?.size_bytes;
}

/** As lsblk(8) draws it: each under the first of what it lies on. */
function stackText(stacked: readonly Stacked[], amount: Amount): string {
  const names = new Set(stacked.map(({ name }) => name));
  const bottoms = [...new Set(stacked.map(({ on: [first = ''] }) => first))].filter((name) => !names.has(name));
  const rows: string[][] = [];
  const draw = (below: string, indent: string) => {
    const above = stacked.filter(({ on }) => on[0] === below);
    for (const [i, one] of above.entries()) {
      const isLast = i === above.length - 1;
      const [, ...others] = one.on;
      rows.push([
        `${indent}${isLast ? '└─' : '├─'}${one.name}`,
        one.kind,
        amount(one.size_bytes),
        others.join(', '),
        ...contentOf(one, amount),
      ]);
      draw(one.name, `${indent}${isLast ? '  ' : '│ '}`);
    }
  };
  for (const bottom of bottoms) {
    rows.push([bottom, ...Array.from({ length: 3 + CONTENT_COLUMNS.length }, () => '')]);
    draw(bottom, '');
  }
  const columns = [{ title: 'STACK' }, { title: 'TYPE' }, { title: 'SIZE', right: true }, { title: 'ALSO ON' }];
  return textTable([...columns, ...CONTENT_COLUMNS], rows);
}

function subvolumesText({ type, label }: Content, subvolumes: readonly Subvolume[]): string {
  const rows = subvolumes.map(({ id, path, read_only, snapshot, default: isDefault }) => {
    const words = [snapshot && 'snapshot', read_only && 'read-only', isDefault && 'default'];
    return [`${id}`, path, words.filter(Boolean).join(', ')];
  });
  const columns = [{ title: 'ID', right: true }, { title: `SUBVOLUME of ${label ?? type}` }, { title: '' }];
  return textTable(columns, rows);
}

function contentOf({ content, file_system }: OnIt, amount: Amount): string[] {
  const { used_bytes, free_bytes } = file_system ?? {};
  const what = file_system ?? content;
  // As blkid(8) has it, where the driver's name is that with a number: ntfs, not ntfs3.
  const known = content && what?.type.startsWith(content.type) ? content.type : what?.type;
  // Of an archive's files a file system is made for Linux to read.
  const type = file_system && content?.words ? content.words : known;
  const optional = (bytes: number | undefined) => (bytes === undefined ? '' : amount(bytes));
  return [type ?? '', what?.label ?? '', what?.uuid ?? '', optional(used_bytes), optional(free_bytes)];
}
