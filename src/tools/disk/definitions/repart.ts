/** Definitions of partitions as systemd-repart has them (repart.d(5)), as the plan of a disk. */

import { HostError } from '../../../errors/host-error.ts';
import { fileSystemTools } from '../../file-system/file-systems.ts';
import type { FileSystemContent, PartitionContent, PlannedPartition, TreeSource } from '../plan.ts';
import { isEsp, isSwap, partitionGuid } from './partition-kinds.ts';

export interface Definition {
  /** Of its file: for messages, and the order. */
  readonly name: string;
  readonly text: string;
}

export interface RepartPlan {
  readonly partitions: readonly PlannedPartition[];
  /** What is in the definitions and changes nothing here, in words. */
  readonly ignored: readonly string[];
}

/** What only systemd can do with a running disk, or does while it starts. */
const IGNORED = [
  'Priority',
  'SplitName',
  'FactoryReset',
  'MountPoint',
  'EncryptedVolume',
  'Compression',
  'CompressionLevel',
  'SupplementFor',
  'AddValidateFS',
];
const DEFAULT_WEIGHT = 1000;
/** GPT attributes of the Discoverable Partitions Specification, by their bits. */
const FLAGS = { GrowFileSystem: 59, ReadOnly: 60, NoAuto: 63 } as const;
const MIB = 2 ** 20;
/** What systemd gives partitions whose size nobody says. */
const DEFAULT_MIN = 10 * MIB;

/** Throws `invalid-request`, naming file and key. */
export function repartPlan(definitions: readonly Definition[], architecture: string): RepartPlan {
  const ignored: string[] = [];
  const parsed = [...definitions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => new Keys(name, assignments(name, text)));
  if (parsed.length === 0) throw new HostError('invalid-request', 'there is no definition of a partition (NAME.conf)');
  const matches = parsed.map((keys) => keys.text('VerityMatchKey'));
  const partitions = parsed.map((keys) => partitionOf(keys, architecture, (key) => dataOf(parsed, matches, key)));
  for (const keys of parsed) ignored.push(...keys.unread());
  return { partitions, ignored };
}

/** The partition whose hashes one with this key has. */
function dataOf(parsed: readonly Keys[], matches: readonly (string | undefined)[], key: string): number {
  const found = parsed.findIndex((keys, i) => keys.text('Verity') === 'data' && matches[i] === key);
  if (found < 0) throw new HostError('invalid-request', `no definition has Verity=data and VerityMatchKey=${key}`);
  return found;
}

function partitionOf(keys: Keys, architecture: string, dataOfKey: (key: string) => number): PlannedPartition {
  const typeName = keys.text('Type') ?? keys.fail('Type=', 'is missing');
  const typeGuid =
    partitionGuid(typeName, architecture) ?? keys.fail(`Type=${typeName}`, 'is no type that is known, and no UUID');
  const label = keys.text('Label') ?? typeName;
  if (label.length > 36) keys.fail(`Label=${label}`, 'is longer than the 36 characters of a GPT');
  for (const key of ['Subvolumes', 'DefaultSubvolume', 'MakeSymlinks'] as const) {
    const value = keys.text(key);
    if (value !== undefined && value !== 'off') keys.fail(`${key}=`, 'is not done here');
  }
  const content = contentOf(keys, typeGuid, label, dataOfKey);
  const isEncrypted = encryption(keys, content);
  const weight = keys.number('Weight') ?? DEFAULT_WEIGHT;
  const isFixed =
    content.kind === 'blocks' || content.kind === 'verity' || (content.kind === 'file-system' && content.minimize);
  const minBytes = keys.bytes('SizeMinBytes');
  const maxBytes = keys.bytes('SizeMaxBytes');
  if (minBytes !== undefined && maxBytes !== undefined && minBytes > maxBytes)
    keys.fail('SizeMinBytes=', 'is larger than SizeMaxBytes=');
  const flags = Object.entries(FLAGS).filter(([key]) => keys.isYes(key));
  keys.text('PaddingMinBytes');
  keys.text('PaddingMaxBytes');
  keys.text('PaddingWeight');
  return {
    name: keys.file,
    typeGuid,
    label,
    uuid: keys.text('UUID')?.toLowerCase(),
    attributes: flags.length > 0 ? [`GUID:${flags.map(([, bit]) => bit).join(',')}`] : [],
    bootable: false,
    content,
    ...(isEncrypted && { isEncrypted }),
    minBytes: minBytes ?? (isFixed || hasSources(content) ? undefined : Math.min(DEFAULT_MIN, maxBytes ?? DEFAULT_MIN)),
    maxBytes,
    weight: isFixed ? 0 : weight,
    inTable: true,
  };
}

function encryption(keys: Keys, content: PartitionContent): boolean {
  const encrypt = keys.text('Encrypt') ?? 'off';
  if (encrypt === 'off') return false;
  if (encrypt !== 'key-file') keys.fail(`Encrypt=${encrypt}`, 'is not done here: key-file is');
  if ((keys.text('Verity') ?? 'off') !== 'off') keys.fail('Encrypt=', 'and Verity= are not for one partition');
  if (content.kind === 'empty') keys.fail('Encrypt=', 'wants something that is in it: Format= or CopyBlocks=');
  return true;
}

const hasSources = (content: PartitionContent): boolean =>
  content.kind === 'file-system' && content.sources.length + content.directories.length > 0;

function contentOf(keys: Keys, typeGuid: string, label: string, dataOfKey: (key: string) => number): PartitionContent {
  const verity = keys.text('Verity') ?? 'off';
  if (verity === 'hash') {
    // It is never larger than its data wants it.
    keys.text('Minimize');
    return {
      kind: 'verity',
      of: dataOfKey(keys.text('VerityMatchKey') ?? keys.fail('Verity=hash', 'wants VerityMatchKey=')),
    };
  }
  if (verity !== 'off' && verity !== 'data') keys.fail(`Verity=${verity}`, 'is not done here: data and hash are');
  const blocks = keys.text('CopyBlocks');
  if (blocks === 'auto') keys.fail('CopyBlocks=auto', 'is for a running system: it wants a path here');
  if (blocks !== undefined) return { kind: 'blocks', path: blocks };
  const exclude = [...keys.list('ExcludeFiles'), ...keys.list('ExcludeFilesTarget')];
  const sources = keys.all('CopyFiles').map((one) => sourceOf(keys, one, exclude));
  const directories = keys.list('MakeDirectories').map(inside);
  const asked = keys.text('Format');
  const type =
    asked ??
    (isSwap(typeGuid)
      ? 'swap'
      : sources.length + directories.length === 0
        ? 'empty'
        : isEsp(typeGuid)
          ? 'vfat'
          : 'ext4');
  if (type === 'empty') return { kind: 'empty' };
  if (type === 'swap') return { kind: 'swap', label, uuid: undefined };
  if (!fileSystemTools(type)) keys.fail(`Format=${type}`, 'is no file system that is made here');
  const minimize = keys.text('Minimize') ?? 'off';
  const content: FileSystemContent = {
    kind: 'file-system',
    type,
    label,
    uuid: undefined,
    sources,
    directories,
    minimize: ['best', 'guess'].includes(minimize) || (verity === 'data' && minimize !== 'off'),
    more: [],
  };
  return content;
}

/** SOURCE[:TARGET[:OPTIONS]]; a source alone goes where it is. */
function sourceOf(keys: Keys, text: string, exclude: readonly string[]): TreeSource {
  const [from = '', to = '', options] = text.split(':');
  if (from === '') keys.fail(`CopyFiles=${text}`, 'has no source');
  if (options !== undefined && options !== '') keys.fail(`CopyFiles=${text}`, 'has options, which are not done here');
  return { from, to: inside(to === '' ? from : to), exclude };
}

/** Without slashes at its ends, "." and "..". */
const inside = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .join('/');

/** Key and value, in order; an empty value takes back those before it. */
function assignments(file: string, text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = '';
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    const plain = line.trim();
    if (plain === '' || plain.startsWith('#') || plain.startsWith(';')) continue;
    const named = /^\[(.*)\]$/.exec(plain);
    const [, key = '', value = ''] = /^([A-Za-z0-9]+)\s*=\s*(.*)$/s.exec(plain) ?? [];
    if (named) section = named[1] ?? '';
    else if (key === '') throw new HostError('invalid-request', `${file}: "${plain}" is no KEY=VALUE`);
    else if (section !== 'Partition')
      throw new HostError('invalid-request', `${file}: ${key}= stands in [${section}], not in [Partition]`);
    else if (value === '') values.delete(key);
    else values.set(key, [...(values.get(key) ?? []), unspecified(file, value)]);
  }
  return values;
}

/** Specifiers stand for the machine that runs; an image has none but the percent sign itself. */
function unspecified(file: string, value: string): string {
  return value.replaceAll(/%(.?)/g, (_, letter: string) => {
    if (letter === '%') return '%';
    throw new HostError('invalid-request', `${file}: %${letter} stands for something of a running machine`);
  });
}

class Keys {
  readonly file: string;
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #read = new Set<string>();

  constructor(file: string, values: ReadonlyMap<string, readonly string[]>) {
    this.file = file;
    this.#values = values;
  }

  all(key: string): readonly string[] {
    this.#read.add(key);
    return this.#values.get(key) ?? [];
  }

  text(key: string): string | undefined {
    return this.all(key).at(-1);
  }

  /** Words, which may be quoted. */
  list(key: string): readonly string[] {
    return this.all(key).flatMap((value) =>
      [...value.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? ''),
    );
  }

  isYes(key: string): boolean {
    const text = this.text(key);
    if (text === undefined || ['no', 'false', 'off', '0'].includes(text)) return false;
    return ['yes', 'true', 'on', '1'].includes(text) || this.fail(`${key}=${text}`, 'is neither yes nor no');
  }

  number(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    return /^\d{1,7}$/.test(text) ? Number(text) : this.fail(`${key}=${text}`, 'is no number');
  }

  /** K, M, G and T are powers of 1024. */
  bytes(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)B?$/.exec(text) ?? [];
    const value = Math.ceil(Number(digits) * 1024 ** ' KMGT'.indexOf(unit || ' '));
    return Number.isSafeInteger(value) ? value : this.fail(`${key}=${text}`, 'is no size: 512M, 2G');
  }

  fail(what: string, why: string): never {
    throw new HostError('invalid-request', `${this.file}: ${what} ${why}`);
  }

  /** What nobody asked for. */
  unread(): string[] {
    return [...this.#values.keys()]
      .filter((key) => !this.#read.has(key))
      .map((key) => `${this.file}: ${key}= ${IGNORED.includes(key) ? 'changes nothing here' : 'is not known here'}`);
  }
}
