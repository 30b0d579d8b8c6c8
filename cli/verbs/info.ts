/** `lkl info`: what is on an image: its format, partitions, file systems, labels, UUIDs, use. */

import { json } from 'node:stream/consumers';
import { openDiskFile } from '../disk.ts';
import { openEngine } from '../engine.ts';
import { answerOf, imageUrl } from '../look/remote.ts';
import { sizeText } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';
import { textTable } from '../output/table.ts';

export interface InfoOptions extends ImageOptions {
  readonly bytes?: true;
  readonly json?: true;
}

/** As the HTTP interface describes images (ImageDescription), and what wraps the disk. */
interface Description extends OnIt {
  readonly format?: string;
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
  readonly file_system?: Content & { readonly used_bytes?: number; readonly free_bytes?: number };
}

interface Content {
  readonly type: string;
  readonly label?: string;
  readonly uuid?: string;
}

export async function info(image: string, options: InfoOptions): Promise<void> {
  const description = options.url === undefined ? await here(image, options) : await remote(options.url, image);
  await printing(async (out) => {
    if (options.json) await out.json(description);
    else await out.print(textOf(description, options.bytes ? (value) => `${value}` : sizeText));
  });
}

async function here(image: string, options: InfoOptions): Promise<Description> {
  const [engine, disk] = await Promise.all([openEngine(), openDiskFile(image, options)]);
  const report = await engine.inspect(disk.device);
  disk.checkUnchanged();
  return asJson({ format: disk.format, ...report, sizeBytes: disk.sizeBytes }) as Description;
}

const remote = async (base: URL, image: string): Promise<Description> =>
  (await json(await answerOf(imageUrl(base, image)))) as Description;

function textOf(description: Description, amount: (bytes: number) => string): string {
  const { format, size_bytes, claimed_bytes, partition_table, partition_table_id, partitions } = description;
  const facts: [string, string | undefined][] = [
    ['format', format],
    ['size', `${amount(size_bytes)} (${size_bytes} bytes)`],
    ['cut short', claimed_bytes === undefined ? undefined : `it says that it has ${claimed_bytes} bytes`],
    ['partition table', partition_table && [partition_table, partition_table_id].filter(Boolean).join(' ')],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const columns = [
    ...['PART', 'START', 'SIZE'].map((title) => ({ title, right: true })),
    ...['KIND', 'NAME', 'PARTUUID', 'CONTENT', 'LABEL', 'UUID'].map((title) => ({ title })),
    ...['USED', 'FREE'].map((title) => ({ title, right: true })),
  ];
  const isOn = (on: OnIt) => on.content !== undefined || on.file_system !== undefined;
  const rows = [
    ...(isOn(description) ? [['whole', '', amount(size_bytes), '', '', '', ...contentOf(description, amount)]] : []),
    ...partitions.map((partition) => [
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
  return `${[...lines, ...table].join('\n')}\n`;
}

function contentOf({ content, file_system }: OnIt, amount: (bytes: number) => string): string[] {
  const { used_bytes, free_bytes } = file_system ?? {};
  const what = file_system ?? content;
  const optional = (bytes: number | undefined) => (bytes === undefined ? '' : amount(bytes));
  return [what?.type ?? '', what?.label ?? '', what?.uuid ?? '', optional(used_bytes), optional(free_bytes)];
}

/** Names as JSON has them: size_bytes for sizeBytes. What is undefined is absent. */
function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), asJson(member)]],
    ),
  );
}
