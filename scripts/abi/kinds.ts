/** What each syscall argument is, from its C type: the words that src/abi/kinds.ts explains. */

import type { Argument } from './syscalls.ts';

const scalars: Record<string, string> = {
  int: 'int',
  __s32: 'int',
  long: 'int',
  unsigned: 'uint',
  'unsigned int': 'uint',
  u32: 'uint',
  __u32: 'uint',
  'unsigned long': 'ulong',
  size_t: 'size',
  loff_t: 'off',
  __u64: 'u64',
  umode_t: 'mode',
  pid_t: 'pid',
  uid_t: 'uid',
  gid_t: 'gid',
  qid_t: 'int',
  clockid_t: 'clockid',
  timer_t: 'int',
  key_t: 'int',
  key_serial_t: 'int',
  mqd_t: 'fd',
  rwf_t: 'uint',
  aio_context_t: 'ulong',
  'enum landlock_rule_type': 'int',
};

/** "name:kind" of one argument. */
export function argumentKind([name, type]: Argument): string {
  return `${name.replace(/^_/, '')}:${kindOf(
    type
      .replace(/__user|\bconst\b(?=\s*$)/g, '')
      .replace(/\s+/g, ' ')
      .trim(),
  )}`;
}

function kindOf(type: string): string {
  if (type === 'const char *') return 'str';
  if (type.endsWith('*') || type.includes('cap_user_')) return 'ptr';
  const kind = scalars[type.replace(/^const /, '')];
  if (kind === undefined) throw new Error(`no kind for the C type "${type}"`);
  return kind;
}
