/** The text part of a VMDK: which files it has, and what it builds on (VMware's "Virtual Disk Format 5.0"). */

import { FormatError } from '../../errors.ts';

export const VMDK = 'vmdk';
export const SECTOR = 512;

/** One line of the list of extents. */
export interface Extent {
  readonly sectors: number;
  readonly kind: string;
  /** Nobody has said that it is only to be read. */
  readonly isWritable: boolean;
  /** Undefined for zeros. */
  readonly file: string | undefined;
  /** Sectors of the file before a flat extent. */
  readonly from: number;
}

export interface Descriptor {
  readonly createType: string;
  readonly extents: readonly Extent[];
  /** The file name of what it builds on. */
  readonly parent: string | undefined;
  /** What that was when this was made. */
  readonly parentId: string | undefined;
  /** What this is, until it is written to. */
  readonly id: string | undefined;
}

/** A descriptor that is a file of its own begins so. */
export const DESCRIPTOR_MAGIC = '# Disk DescriptorFile';
export const MAX_DESCRIPTOR_BYTES = 2 ** 20;
/** 2 GiB each for the largest disk of the format. */
const MAX_EXTENTS = 32_768;
/** parentCID of a disk without a parent. */
const NO_PARENT = 'ffffffff';

export function parseDescriptor(bytes: Uint8Array): Descriptor {
  const text = new TextDecoder().decode(bytes).replace(/\0.*$/s, '');
  const values = new Map<string, string>();
  const extents: Extent[] = [];
  for (const line of text.split(/\r?\n/)) {
    const extent = /^\s*(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"(.*)"(?:\s+(\d+))?)?/.exec(line);
    if (extent) {
      const [, access, sectors, kind = '', file, from = '0'] = extent;
      extents.push({ sectors: Number(sectors), kind, file, from: Number(from), isWritable: access === 'RW' });
      continue;
    }
    const [, key = '', value = ''] = /^([\w.]+)\s*=\s*(.*)$/s.exec(line.trim()) ?? [];
    const [, quoted = value] = /^"([^"]*)"$/.exec(value) ?? [];
    if (key !== '' && !quoted.includes('"')) values.set(key.toLowerCase(), quoted);
  }
  if (extents.length > MAX_EXTENTS) throw new FormatError(VMDK, `a list of ${extents.length} files`);
  const parentId = values.get('parentcid')?.toLowerCase() ?? NO_PARENT;
  const parent = values.get('parentfilenamehint');
  if (parentId !== NO_PARENT && !parent) throw new FormatError(VMDK, 'it builds on a parent that it does not name');
  return {
    createType: values.get('createtype') ?? '',
    extents,
    parent: parentId === NO_PARENT ? undefined : parent,
    parentId: parentId === NO_PARENT ? undefined : idOf(parentId),
    id: idOf(values.get('cid')?.toLowerCase()),
  };
}

/** Written with zeros before it or without. */
const idOf = (text: string | undefined): string | undefined =>
  text !== undefined && /^[0-9a-f]{1,8}$/.test(text) ? text.padStart(8, '0') : undefined;
