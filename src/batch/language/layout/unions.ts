/** Which members of a struct's unions mean something, where the call or the struct itself says so. */

import { formatWords, groupOf } from '../../../abi/constants.ts';

const LITTLE = true;

/** netdevice(7): the member of struct ifreq that a command is about, by the end of its name. */
const ifreqMembers: Record<string, string> = {
  ADDR: 'ifr_addr',
  CONF: 'ifr_addr',
  DSTADDR: 'ifr_dstaddr',
  BRDADDR: 'ifr_broadaddr',
  NETMASK: 'ifr_netmask',
  HWADDR: 'ifr_hwaddr',
  FLAGS: 'ifr_flags',
  METRIC: 'ifr_metric',
  MTU: 'ifr_mtu',
  MAP: 'ifr_map',
  INDEX: 'ifr_ifindex',
  NAME: 'ifr_ifindex',
  TXQLEN: 'ifr_qlen',
};

/** sigaction(2): what si_signo and si_code choose. */
const siginfoHead = ['si_signo', 'si_errno', 'si_code'];
const siginfoMembers: Record<string, readonly string[]> = {
  SI_TIMER: ['si_tid', 'si_overrun', 'si_int'],
  SI_QUEUE: ['si_pid', 'si_uid', 'si_int'],
  SI_MESGQ: ['si_pid', 'si_uid', 'si_int'],
  SIGCHLD: ['si_pid', 'si_uid', 'si_status', 'si_utime', 'si_stime'],
  SIGILL: ['si_addr'],
  SIGFPE: ['si_addr'],
  SIGSEGV: ['si_addr'],
  SIGBUS: ['si_addr', 'si_addr_lsb'],
  SIGTRAP: ['si_addr'],
  SIGIO: ['si_band', 'si_fd'],
  SIGSYS: ['si_call_addr', 'si_syscall', 'si_arch'],
};

/** The fields of `struct` that count; undefined: all of them. `command` is the ioctl it belongs to. */
export function members(struct: string, bytes: Uint8Array, command?: number): ReadonlySet<string> | undefined {
  if (struct === 'ifconf') return new Set(['ifc_len', 'ifc_req']);
  if (struct === 'ifreq') {
    if (wordOf(command) === 'SIOCETHTOOL') return new Set(['ifr_name', 'ifr_data']);
    const suffix = /^SIOC[GS]IF(\w+)$/.exec(wordOf(command))?.[1] ?? '';
    const member = ifreqMembers[suffix];
    return member === undefined ? undefined : new Set(['ifr_name', member]);
  }
  if (struct !== 'siginfo' || bytes.length < 12) return undefined;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const code = formatWords(data.getInt32(8, LITTLE), 'si_code') ?? '';
  const signal = formatWords(data.getInt32(0, LITTLE), 'signal') ?? '';
  const sent = ['si_pid', 'si_uid'];
  return new Set([
    ...siginfoHead,
    ...(siginfoMembers[code] ?? (code === '' ? siginfoMembers[signal] : undefined) ?? sent),
  ]);
}

/** Whether an ioctl only reads what it is given: _IOC_WRITE alone (asm-generic/ioctl.h), or by its name among the old ones. */
export function isSetter(command: number): boolean {
  const direction = command >>> 30;
  if (direction !== 0) return direction === 1;
  return /^(SIOCS|SIOCADD|SIOCDEL|TIOCS|TCSET|LOOP_SET|LOOP_CONFIGURE)/.test(wordOf(command));
}

function wordOf(command: number | undefined): string {
  if (command === undefined) return '';
  for (const [word, value] of groupOf('ioctl').values) if (value === command >>> 0) return word;
  return '';
}
