/** The words of `-o`, those of LKL's lklfuse and those of FUSE. */

import { InvalidArgumentError } from 'commander';

export interface MountWords {
  readonly type?: string;
  readonly partition?: string;
  readonly mb?: number;
  readonly readOnly?: boolean;
  /** For the file system, as for mount -o. */
  readonly options?: string;
  readonly log?: string;
  readonly lock?: string;
  readonly allowOther?: boolean;
  readonly defaultPermissions?: boolean;
  readonly writeback?: boolean;
  /** Files that Linux may know at once. */
  readonly nodes?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const id = (text: string): number => {
  if (/^\d+$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw new InvalidArgumentError('Ids are numbers from 0 to 4294967294.');
};
const mebibytes = (text: string): number => {
  if (/^\d+$/.test(text) && Number(text) >= 32 && Number(text) <= 2048) return Number(text);
  throw new InvalidArgumentError('From 32 to 2048.');
};

const words: Readonly<Record<string, (value: string) => MountWords>> = {
  type: (type) => ({ type }),
  part: (partition) => ({ partition }),
  partition: (partition) => ({ partition }),
  mb: (value) => ({ mb: mebibytes(value) }),
  nodes: (value) => ({ nodes: id(value) }),
  ro: () => ({ readOnly: true }),
  rw: () => ({ readOnly: false }),
  opts: (options) => ({ options }),
  log: (log) => ({ log }),
  lock: (lock) => ({ lock }),
  uid: (value) => ({ uid: id(value) }),
  gid: (value) => ({ gid: id(value) }),
  allow_other: () => ({ allowOther: true }),
  default_permissions: () => ({ defaultPermissions: true }),
  writeback: () => ({ writeback: true }),
  nowriteback: () => ({ writeback: false }),
};
const takesValue = new Set(['type', 'part', 'partition', 'mb', 'opts', 'log', 'lock', 'nodes', 'uid', 'gid']);

export const idOption = id;
export const mebibytesOption = mebibytes;

/** A list as of mount -o, added to what earlier ones said. A backslash before a comma or `=` makes it part of a value. */
export function mountWords(text: string, before: MountWords = {}): MountWords {
  const parts = text.match(/(?:\\.|[^,\\])+/gs) ?? [];
  const said = parts.map((part) => {
    const [, name = '', value] = /^([^=\\]+)(?:=(.*))?$/s.exec(part) ?? [];
    const read = Object.hasOwn(words, name) ? words[name] : undefined;
    if (read === undefined)
      throw new InvalidArgumentError(
        `There is no ${name || part}: ${Object.keys(words).join(', ')}; what is for the file system goes into opts=, commas in it as "\\,".`,
      );
    if ((value === undefined) === takesValue.has(name)) {
      throw new InvalidArgumentError(takesValue.has(name) ? `${name} is ${name}=…` : `${name} takes no value.`);
    }
    return read((value ?? '').replaceAll(/\\(.)/gs, '$1'));
  });
  return Object.assign({}, before, ...said);
}
