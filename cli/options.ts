/** Options that several commands have, and what their values may be. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { KeyDerivation } from '../src/tools/luks/encrypted-disk.ts';

/** What is mounted of an image, and how. */
export interface MountOptions {
  readonly type?: string;
  readonly partition?: string;
  readonly options?: string;
  /** Of a btrfs. */
  readonly subvol?: string;
}

/** What lies beside an image, and what opens it. */
export interface StackOptions {
  readonly also?: readonly string[];
  readonly header?: string;
  readonly passphraseFile?: readonly string[];
  readonly keyFile?: readonly string[];
}

/** In its own words, as the code that makes volumes is loaded when it is wanted. */
const keyDerivations = ['argon2id', 'pbkdf2'] as const satisfies readonly KeyDerivation[];

/** What a new image is encrypted with. */
export interface LuksOptions {
  readonly luksKeyFile?: string;
  readonly luksPassphraseFile?: string;
  readonly luksPbkdf?: KeyDerivation;
}

/** How the file of an image becomes a disk. */
export interface DiskOptions {
  readonly format?: string | undefined;
  readonly member?: string | undefined;
  readonly state?: string | undefined;
  readonly offset?: number;
  readonly size?: number;
  readonly evenIfCut?: true;
}

/** An image that commands only read. */
export interface ImageOptions extends MountOptions, DiskOptions, StackOptions {
  readonly url?: URL;
}

export const IMAGE = 'a file, a block device, or - for standard input; gzip, zstd and xz are undone';
/** Of a command that asks a Worker for what it has stored. */
export const IMAGE_OR_NAME = `${IMAGE}; with --url the name of an image stored there`;

export const typeOption = (flags = '-t, --type <type>') =>
  new Option(flags, 'file system, as in /proc/filesystems (default: found out)').argParser(fileSystem);

export const partitionOption = (flags = '-p, --partition <partition>') =>
  new Option(
    flags,
    'number, label, UUID or name (vg/root, /dev/md/data); root: the one with a root file system; whole: all of the image (default: the only file system)',
  ).argParser(partition);

/** Values of an option that may be repeated. */
export const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Of what may be encrypted. */
export const addSecretOptions = (command: Command): Command =>
  command
    .option(
      '--passphrase-file <file>',
      'its first line opens encrypted volumes (default: LKL_PASSPHRASE, a prompt)',
      several,
    )
    .option('--key-file <file>', 'all of it does', several);

/** Of what may be encrypted, or lie on several disks. */
export const addStackOptions = (command: Command): Command =>
  addSecretOptions(
    command.option('--also <image>', 'another disk of an array, a volume group or a btrfs; may be repeated', several),
  ).option('--header <file>', 'the detached header of an encrypted volume');

/** Of a new image. */
export const addLuksOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--luks-passphrase-file <file>', 'encrypt it (LUKS2): the first line of this file opens it').conflicts(
        'luksKeyFile',
      ),
    )
    .option('--luks-key-file <file>', 'the same, opened by all of this file')
    .addOption(
      new Option('--luks-pbkdf <name>', 'how its key is derived (default: argon2id, of 64 MiB)').choices(
        keyDerivations,
      ),
    );

export const subvolOption = () =>
  new Option('--subvol <name>', 'a subvolume or snapshot of a btrfs, by path or number');

export const mountOption = () => new Option('--options <options>', 'mount options, as for mount -o');

export const urlOption = () =>
  new Option('--url <url>', 'let this Worker do it (default: this machine)').argParser(workerUrl);

export const quietOption = () => new Option('-q, --quiet', 'no progress on a terminal');

export const jsonOption = () => new Option('--json', 'as JSON');

/** Of files that wrap a disk, or hold several. */
export const addDiskOptions = (command: Command): Command =>
  command
    .option('--format <format>', 'of the file: raw, qcow2, vmdk … (default: found out)')
    .option('--member <name>', 'which disk of a file that has several')
    .option('--state <name>', 'which state of a disk that keeps several, as snapshots of qcow2 (default: the newest)')
    .option('--offset <bytes>', 'where in the image the disk begins', bytes)
    .option('--size <bytes>', 'of the disk (default: up to the end)', bytes)
    .option('--even-if-cut', 'read what is there of an image that was cut short');

function fileSystem(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Names of file systems are letters and digits.');
}

function partition(text: string): string {
  if (text !== '' && !/^0*$|^-/.test(text)) return text;
  throw new InvalidArgumentError('Partitions are numbered from 1; labels and UUIDs name them too.');
}

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

const SECTOR = 512;

/** A whole number; k, M, G and T after it are powers of 1024, and 1.5G is as qemu-img has it: up to a sector's end. */
export function bytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+|0x[\da-f]+|\d+\.\d+(?=[kmgt]))([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const value = Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(value)) return value;
  if (digits?.includes('.') && value < Number.MAX_SAFE_INTEGER) return Math.ceil(value / SECTOR) * SECTOR;
  throw new InvalidArgumentError('It is a number of bytes: 1048576, 0x100000, 1M, 1.5G.');
}

function workerUrl(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new InvalidArgumentError('It is no http or https URL.');
}

/** Without what was not said. */
export const defined = <T extends Readonly<Record<string, unknown>>>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
