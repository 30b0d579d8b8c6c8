import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../abi/layout.ts';
import type { SyscallName } from '../../../abi/syscalls.ts';
import { type StructName, structs } from '../../../abi/uapi/structs.ts';
import { decode } from '../decode.ts';
import { encode, type Plan } from '../encode.ts';
import { Arena } from '../layout/arena.ts';
import type { Json } from '../types.ts';

/** The memory at an argument, its pointers counted from `base`. */
function memory(
  call: SyscallName,
  args: Json[],
  index: number,
  base = 0x1000,
): { plan: Plan; bytes: Uint8Array; at: number } {
  const arena = new Arena(1 << 16);
  const plan = encode(
    arena,
    call,
    args,
    args.map((_, i) => `/args/${i}`),
  );
  const bytes = arena.place(base).slice();
  return { plan, bytes, at: plan.slots[index]?.buffer?.at ?? 0 };
}

const hexAt = ({ bytes, at }: { bytes: Uint8Array; at: number }, length: number) =>
  Array.from(bytes.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The value that comes back when the kernel leaves memory as it is. */
function echoed(call: SyscallName, args: Json[], ret = 0): Json | undefined {
  const { plan, bytes } = memory(call, args, 0);
  return decode(plan, bytes, ret);
}

describe('input', () => {
  it('puts a socket address in network order, its family by its fields', () => {
    const address = { sin_port: 8080, sin_addr: '10.1.2.3' };
    expect(hexAt(memory('bind', [3, address, 16], 1), 16)).toBe('02001f900a0102030000000000000000');
    expect(hexAt(memory('bind', [3, { sin6_addr: '2001:db8::1', sin6_port: 53 }, 28], 1), 28)).toBe(
      '0a0000350000000020010db800000000000000000000000100000000',
    );
    // As strace prints them.
    const printed = { sa_family: 'AF_INET', sin_port: 80, sin_addr: '10.0.0.1' };
    expect(hexAt(memory('connect', [3, printed, 16], 1), 16)).toBe('020000500a0000010000000000000000');
    const six = { sa_family: 'AF_INET6', sin6_port: 53, sin6_addr: '::1' };
    expect(hexAt(memory('connect', [3, six, 28], 1), 28)).toBe(
      '0a0000350000000000000000000000000000000000000001' + '00000000',
    );
    expect(hexAt(memory('bind', [3, { sa_family: 'AF_UNIX', sun_path: '/s' }, 110], 1), 5)).toBe('01002f7300');
    expect(() => memory('bind', [3, { sa_family: 'AF_INET', port: 80 }, 16], 1)).toThrow('sa_family and sa_data');
    expect(hexAt(memory('connect', [3, { struct: 'sockaddr_un', sun_path: '\0ab' }, 5], 1), 6)).toBe('010000616200');
  });

  it('takes words in fields, and numbers beyond 2^53 as text', () => {
    const event = { events: 'EPOLLIN|EPOLLET', data: '0xfedcba9876543210' };
    expect(hexAt(memory('epoll_ctl', [4, 1, 3, event], 3), 16)).toBe('01000080000000001032547698badcfe');
  });

  it('lays out buffers of an iovec and their lengths', () => {
    const { bytes, at, plan } = memory('writev', [1, ['ab', { hex: '00ff00' }, { iov_base: null, iov_len: 0 }], 3], 1);
    const words = new DataView(bytes.buffer, at, 24);
    const word = (i: number) => words.getUint32(4 * i, true);
    expect([word(1), word(3), word(4), word(5)]).toEqual([2, 3, 0, 0]);
    expect(hexAt({ bytes, at: word(0) - 0x1000 }, 3)).toBe('616200');
    expect(hexAt({ bytes, at: word(2) - 0x1000 }, 3)).toBe('00ff00');
    expect(plan.outputs).toEqual([]);
  });

  it('lays out a message with its address, buffers and descriptors', () => {
    const message = {
      msg_name: { sin_addr: '127.0.0.1', sin_port: 9 },
      msg_iov: ['x'],
      msg_control: [{ cmsg_level: 'SOL_SOCKET', cmsg_type: 'SCM_RIGHTS', data: [5, 6] }],
    };
    const { bytes, at } = memory('sendmsg', [3, message, 0], 1);
    const words = new DataView(bytes.buffer, at, 28);
    const word = (i: number) => words.getUint32(4 * i, true);
    expect([word(1), word(3), word(5), word(6)]).toEqual([16, 1, 20, 0]);
    expect(hexAt({ bytes, at: word(0) - 0x1000 }, 8)).toBe('020000097f000001');
    expect(hexAt({ bytes, at: word(4) - 0x1000 }, 20)).toBe('1400000001000000010000000500000006000000');
  });

  it('ends an argv with NULL and its strings with NUL', () => {
    const { bytes, at } = memory('execve', ['/bin/x', ['x', 'yz'], []], 1);
    const words = new DataView(bytes.buffer, at, 12);
    expect(words.getUint32(8, true)).toBe(0);
    expect(hexAt({ bytes, at: words.getUint32(4, true) - 0x1000 }, 3)).toBe('797a00');
  });

  it('takes ints, masks and descriptors as lists', () => {
    expect(hexAt(memory('setsockopt', [3, 1, 2, [1], 4], 3), 4)).toBe('01000000');
    expect(hexAt(memory('rt_sigprocmask', [0, ['SIGHUP', 'SIGKILL'], null, 8], 1), 8)).toBe('0101000000000000');
    expect(hexAt(memory('pselect6_time64', [9, [0, 8], null, null, null, null], 1), 4)).toBe('01010000');
  });

  it('makes room after a struct for what its counter says', () => {
    const { plan } = memory('name_to_handle_at', [-100, '/x', { handle_bytes: 64 }, { out: 'int' }, 0], 2);
    expect(plan.slots[2]?.buffer?.size).toBe(8 + 64);
  });

  it('passes NULL, addresses and raw numbers through', () => {
    const { plan } = memory('read', [0, 4096, 10], 1);
    expect(plan.slots.map(({ register }) => Number(register))).toEqual([0, 4096, 10]);
    expect(memory('read', [0, null, 0], 1).plan.slots[1]?.register).toBe(0);
    expect(memory('munmap', ['0x10000', 4096], 0).plan.slots[0]?.register).toBe(0x10000n);
  });

  it('gives the kernel bytes of every netlink attribute form', () => {
    const message = {
      nlmsg_type: 'RTM_NEWADDR',
      nlmsg_flags: 'NLM_F_REQUEST|NLM_F_ACK',
      nlmsg_seq: 7,
      body: { ifa_family: 'AF_INET', ifa_prefixlen: 24, ifa_index: 2 },
      attrs: [
        { type: 'IFA_LOCAL', ip: '10.0.0.1' },
        { type: 'IFA_LABEL', utf8: 'lo' },
        { type: 'IFA_FLAGS', u32: 'IFA_F_NODAD' },
        { type: 99, attrs: [{ type: 1, hex: 'ab' }] },
      ],
    };
    const made = memory('sendto', [3, { netlink: [message] }, 60, 0, null, 0], 1);
    expect(hexAt(made, 60)).toBe(
      '3c00000014000500070000000000000002180000020000000800' +
        '02000a00000107000300' +
        '6c6f00000800080002000000' +
        '0c006300' +
        '05000100ab000000',
    );
  });
});

describe('output', () => {
  it('decodes directory entries up to the result, names that are not UTF-8 too', () => {
    const { plan, bytes, at } = memory('getdents64', [3, { out: 128 }, 128], 1);
    // ino 5, off 1, reclen 24, DT_DIR, "a"; ino 6, off 2, reclen 24, DT_REG, ff
    const entries =
      '050000000000000001000000000000001800046100000000' + '06000000000000000200000000000000180008ff00000000';
    bytes.set(
      Uint8Array.from(entries.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
      at,
    );
    expect(decode(plan, bytes, 48)).toEqual([
      { d_ino: 5, d_off: 1, d_reclen: 24, d_type: 4, d_name: 'a' },
      { d_ino: 6, d_off: 2, d_reclen: 24, d_type: 8, d_name: { base64: '/w==' } },
    ]);
    expect(decode(plan, bytes, 24)).toHaveLength(1);
    expect(decode(plan, bytes, 0)).toEqual([]);
  });

  it('shows a struct raw when asked for its bytes', () => {
    expect(echoed('fstat64', [0, { out: 104, type: 'bytes' }])).toEqual({
      utf8: '\0'.repeat(104),
      base64: `${'A'.repeat(139)}=`,
    });
  });

  it('shows the part of a struct that the call filled', () => {
    const optlen = [8];
    expect(echoed('getsockopt', [3, 6, 11, { out: 'tcp_info' }, optlen])).toMatchObject({
      optlen: 8,
      optval: { tcpi_state: 0, tcpi_fastopen_client_fail: 0 },
    });
    expect(
      Object.keys((echoed('getsockopt', [3, 6, 11, { out: 'tcp_info' }, optlen]) as { optval: object }).optval),
    ).not.toContain('tcpi_rto');
  });

  it('shows the member of a union that the command means, and what a setter was given not at all', () => {
    const ifreq = { struct: 'ifreq', ifr_name: 'eth0', ifr_mtu: 1400 };
    expect(echoed('ioctl', [3, 'SIOCGIFMTU', ifreq])).toEqual({ ifr_name: 'eth0', ifr_mtu: 1400 });
    expect(echoed('ioctl', [3, 'SIOCSIFMTU', ifreq])).toBeUndefined();
    const ethtool = { struct: 'ifreq', ifr_name: 'eth0', ifr_data: 4096 };
    expect(echoed('ioctl', [3, 'SIOCETHTOOL', ethtool])).toEqual({ ifr_name: 'eth0', ifr_data: 4096 });
  });

  it('keeps 64-bit numbers whole', () => {
    expect(echoed('prlimit64', [0, 0, null, { out: 'rlimit64' }])).toEqual({ rlim_cur: 0, rlim_max: 0 });
    expect(echoed('sendfile64', [1, 0, ['9007199254740993'], 1], 1)).toBe('9007199254740993');
  });

  it('lists names, signals and descriptors', () => {
    const { plan, bytes, at } = memory('listxattr', ['/f', { out: 32 }, 32], 1);
    bytes.set(new TextEncoder().encode('user.a\0user.b\0'), at);
    expect(decode(plan, bytes, 14)).toEqual(['user.a', 'user.b']);
    expect(echoed('rt_sigpending', [{ out: 'sigset' }, 8])).toEqual([]);
    expect(echoed('pselect6_time64', [9, [3, 700], null, null, null, null])).toEqual([3, 700]);
  });

  it('takes back every message of a netlink dump', () => {
    const messages = [
      {
        nlmsg_type: 'RTM_NEWLINK',
        nlmsg_seq: 1,
        body: { ifi_index: 1 },
        attrs: [
          { type: 'IFLA_IFNAME', utf8: 'lo' },
          { type: 'IFLA_MTU', u32: 65536 },
          { type: 'IFLA_LINKINFO', attrs: [{ type: 'IFLA_INFO_KIND', utf8: 'veth' }] },
        ],
      },
      { nlmsg_type: 'NLMSG_ERROR', nlmsg_seq: 1, body: { error: -17 } },
    ];
    const { plan, bytes, at } = memory('recvfrom', [3, { out: 512, type: 'netlink' }, 512, 0, null, null], 1);
    const sent = memory('sendto', [3, { netlink: messages }, 0, 0, null, 0], 1);
    const size = sent.plan.slots[1]?.buffer?.size ?? 0;
    bytes.set(sent.bytes.subarray(sent.at, sent.at + size), at);
    expect(decode(plan, bytes, size)).toMatchObject([
      {
        nlmsg_type: 'RTM_NEWLINK',
        body: { ifi_index: 1 },
        attrs: [
          { type: 'IFLA_IFNAME', utf8: 'lo' },
          { type: 'IFLA_MTU', u32: 65536 },
          { type: 'IFLA_LINKINFO', attrs: [{ type: 'IFLA_INFO_KIND', utf8: 'veth' }] },
        ],
      },
      { nlmsg_type: 'NLMSG_ERROR', body: { error: -17 } },
    ]);
    // What is cut off is left out.
    expect(decode(plan, bytes, size - 1)).toHaveLength(1);
  });
});

/** Structs whose pointers or open ends need more than the struct's own bytes. */
const partial = new Set<StructName>([
  'iovec',
  'msghdr',
  'mmsghdr',
  'sock_fprog',
  'ifconf',
  'linux_dirent64',
  'inotify_event',
  'fiemap',
  'file_dedupe_range',
  'file_handle',
  'lsm_ctx',
  'msgbuf',
  'cmsghdr',
]);

describe('every struct', () => {
  const names = (Object.keys(structs) as StructName[]).filter((name) => !partial.has(name));
  it.each(names)('%s comes back from JSON with the same fields', (name) => {
    const { size } = layoutOf(name);
    // Each byte its own, without NULs, so that no text ends early; ASCII, so that all of it is text.
    const pattern = Uint8Array.from({ length: size }, (_, i) => 1 + (i % 126));
    const output = memory('ptrace', [0, 0, { out: name }, 0], 2);
    output.bytes.set(pattern, output.at);
    const value = decode(output.plan, output.bytes, 0);
    const input = memory('ptrace', [0, 0, { struct: name, ...(value as object) }, 0], 2);
    expect(decode(input.plan, input.bytes, 0)).toEqual(value);
  });
});
