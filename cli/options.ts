/** Options that several commands have, and what their values may be. */

import { InvalidArgumentError, Option } from 'commander';

/** Which part of an image, and as what. */
export interface MountOptions {
  readonly type?: string;
  readonly partition?: string;
  readonly options?: string;
}

export const typeOption = (flags = '-t, --type <type>') =>
  new Option(flags, 'file system, as in /proc/filesystems (default: found out)').argParser(fileSystem);

export const partitionOption = () =>
  new Option('-p, --partition <partition>', 'a number (default: the only partition with a file system)').argParser(
    partition,
  );

export const mountOption = () => new Option('--options <options>', 'mount options, as for mount -o');

export const urlOption = () =>
  new Option('--url <url>', 'let this Worker do it (default: this machine)').argParser(workerUrl);

export const quietOption = () => new Option('-q, --quiet', 'no progress on a terminal');

function fileSystem(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Names of file systems are letters and digits.');
}

export function partition(text: string): string {
  if (/^[1-9]\d*$/.test(text)) return text;
  throw new InvalidArgumentError('Partitions are numbered from 1.');
}

function workerUrl(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new InvalidArgumentError('It is no http or https URL.');
}
