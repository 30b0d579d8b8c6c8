/** The structs of system calls, both ways through a real kernel: what goes in as JSON comes out again as JSON, and raw. */

import { expect, it } from 'vitest';
import document from '../../openapi/v1.json' with { type: 'json' };
import type { Json } from '../../src/batch/language/types.ts';
import type { PlayedCall } from '../../src/batch/player.ts';
import { call, play } from './kernel.ts';

const ref = (name: string) => ({ ref: name });
const as = (name: string, made: PlayedCall): PlayedCall => ({ ...made, as: name });
const file = as('fd', call('openat', 'AT_FDCWD', '/tmp/f', 'O_RDWR|O_CREAT', 0o640));
const socketpair = as('pair', call('socketpair', 'AF_UNIX', 'SOCK_STREAM', 0, { out: 'int[2]' }));
const address = { sin_addr: '127.0.0.1', sin_port: 80 };
const connection = [
  as('l', call('socket', 'AF_INET', 'SOCK_STREAM', 0)),
  call('bind', ref('l'), address, 16),
  call('listen', ref('l'), 1),
  as('c', call('socket', 'AF_INET', 'SOCK_STREAM', 0)),
  call('connect', ref('c'), address, 16),
];
const routeSocket = as('nl', call('socket', 'AF_NETLINK', 'SOCK_RAW', 'NETLINK_ROUTE'));
const dummyName = { type: 'IFLA_IFNAME', utf8: 'dummy7' };
const newDummy = {
  nlmsg_type: 'RTM_NEWLINK',
  nlmsg_flags: 'NLM_F_REQUEST|NLM_F_CREATE|NLM_F_ACK',
  body: {},
  attrs: [dummyName, { type: 'IFLA_LINKINFO', attrs: [{ type: 'IFLA_INFO_KIND', utf8: 'dummy' }] }],
};
const getDummy = { nlmsg_type: 'RTM_GETLINK', nlmsg_flags: 'NLM_F_REQUEST', body: {}, attrs: [dummyName] };

/** What the last of the calls wrote is as wanted, and all before it succeeded. */
it.each<[string, readonly PlayedCall[], Json]>([
  [
    'stat',
    [file, call('write', ref('fd'), { utf8: 'hello' }, 5), call('fstat', ref('fd'), { out: 'stat' })],
    { st_size: 5, st_mode: 0o100640, st_nlink: 1 },
  ],
  [
    'statx',
    [file, call('statx', ref('fd'), '', 'AT_EMPTY_PATH', 'STATX_BASIC_STATS', { out: 'statx' })],
    { stx_mode: 0o100640, stx_nlink: 1, stx_size: 0 },
  ],
  ['statfs', [call('statfs', '/proc', { out: 'statfs' })], { f_type: 0x9fa0, f_namelen: 255 }],
  [
    'timespec',
    [
      file,
      call(
        'utimensat',
        ref('fd'),
        null,
        [
          { tv_sec: 12, tv_nsec: 34 },
          { tv_sec: 56, tv_nsec: 78 },
        ],
        0,
      ),
      call('fstat', ref('fd'), { out: 'stat' }),
    ],
    { st_atime: 12, st_atime_nsec: 34, st_mtime: 56, st_mtime_nsec: 78 },
  ],
  [
    'linux_dirent64',
    [
      call('mkdir', '/tmp/d', 0o700),
      as('d', call('open', '/tmp/d', 'O_RDONLY|O_DIRECTORY')),
      call('getdents64', ref('d'), { out: 1024 }, 1024),
    ],
    [{ d_name: '.' }, { d_name: '..' }],
  ],
  [
    'sockaddr_in',
    [
      as('s', call('socket', 'AF_INET', 'SOCK_DGRAM', 0)),
      call('bind', ref('s'), { sin_addr: '127.0.0.2', sin_port: 5353 }, 16),
      call('getsockname', ref('s'), { out: 'sockaddr_in' }, [16]),
    ],
    { usockaddr: { sin_family: 'AF_INET', sin_port: 5353, sin_addr: '127.0.0.2' } },
  ],
  [
    'sockaddr_in6',
    [
      as('s', call('socket', 'AF_INET6', 'SOCK_DGRAM', 0)),
      call('bind', ref('s'), { sin6_addr: '::1', sin6_port: 5353 }, 28),
      call('getsockname', ref('s'), { out: 'sockaddr_in6' }, [28]),
    ],
    { usockaddr: { sin6_port: 5353, sin6_addr: '::1' } },
  ],
  [
    'sockaddr_un',
    [
      as('s', call('socket', 'AF_UNIX', 'SOCK_DGRAM', 0)),
      call('bind', ref('s'), { sun_path: '/tmp/s' }, 110),
      call('getsockname', ref('s'), { out: 'sockaddr_un' }, [110]),
    ],
    { usockaddr: { sun_family: 'AF_UNIX', sun_path: '/tmp/s' } },
  ],
  [
    'sockaddr_ll',
    [
      as('s', call('socket', 'AF_PACKET', 'SOCK_RAW', 0)),
      call('bind', ref('s'), { sll_protocol: 0x800, sll_ifindex: 1 }, 20),
      call('getsockname', ref('s'), { out: 'sockaddr_ll' }, [20]),
    ],
    { usockaddr: { sll_family: 'AF_PACKET', sll_ifindex: 1 } },
  ],
  [
    'sockaddr_nl',
    [
      routeSocket,
      call('bind', ref('nl'), { nl_pid: 77, nl_groups: 1 }, 12),
      call('getsockname', ref('nl'), { out: 'sockaddr_nl' }, [12]),
    ],
    { usockaddr: { nl_family: 'AF_NETLINK', nl_pid: 77, nl_groups: 1 } },
  ],
  [
    'iovec',
    [
      file,
      call('writev', ref('fd'), [{ utf8: 'to' }, { hex: '6765' }, { base64: 'dGhlcg==' }], 3),
      call('preadv', ref('fd'), [{ out: 3 }, { out: 9 }], 2, 0, 0),
    ],
    [{ utf8: 'tog' }, { utf8: 'ether' }],
  ],
  [
    'msghdr',
    [
      socketpair,
      call(
        'sendmsg',
        ref('pair.0'),
        {
          msg_iov: [{ utf8: 'with' }],
          msg_control: [{ cmsg_level: 'SOL_SOCKET', cmsg_type: 'SCM_RIGHTS', data: [ref('pair.0')] }],
        },
        0,
      ),
      call('recvmsg', ref('pair.1'), { msg_iov: [{ out: 16 }], msg_control: { out: 64 } }, 0),
    ],
    { msg_iov: [{ utf8: 'with' }], msg_control: [{ cmsg_type: 'SCM_RIGHTS', data: [2] }] },
  ],
  [
    'epoll_event',
    [
      as('ev', call('eventfd2', 1, 0)),
      as('ep', call('epoll_create1', 0)),
      call('epoll_ctl', ref('ep'), 'EPOLL_CTL_ADD', ref('ev'), { events: 'EPOLLIN', data: 42 }),
      call('epoll_wait', ref('ep'), { out: 'epoll_event[4]' }, 4, 0),
    ],
    [{ events: 1, data: 42 }],
  ],
  [
    'pollfd',
    [
      as('ev', call('eventfd2', 1, 0)),
      call('ppoll', [{ fd: ref('ev'), events: 'POLLIN|POLLOUT' }, { fd: -1 }], 2, { tv_sec: 0 }, null, 8),
    ],
    {
      ufds: [
        { fd: 0, events: 5, revents: 5 },
        { fd: -1, revents: 0 },
      ],
    },
  ],
  [
    'ifreq',
    [
      as('s', call('socket', 'AF_INET', 'SOCK_DGRAM', 0)),
      call('ioctl', ref('s'), 'SIOCSIFMTU', { struct: 'ifreq', ifr_name: 'lo', ifr_mtu: 1400 }),
      call('ioctl', ref('s'), 'SIOCGIFMTU', { struct: 'ifreq', ifr_name: 'lo' }),
    ],
    { ifr_name: 'lo', ifr_mtu: 1400 },
  ],
  [
    'rtnetlink messages',
    [
      routeSocket,
      call('sendmsg', ref('nl'), { msg_name: { nl_pid: 0 }, msg_iov: [{ netlink: [newDummy] }] }, 0),
      call('recv', ref('nl'), { out: 1024, type: 'netlink' }, 1024, 0),
      call('sendmsg', ref('nl'), { msg_iov: [{ netlink: [getDummy] }] }, 0),
      call('recv', ref('nl'), { out: 4096, type: 'netlink' }, 4096, 0),
    ],
    [
      {
        nlmsg_type: 'RTM_NEWLINK',
        attrs: expect.arrayContaining([expect.objectContaining(dummyName)]) as unknown as Json,
      },
    ],
  ],
  [
    'itimerspec',
    [
      as('t', call('timerfd_create', 'CLOCK_MONOTONIC', 0)),
      call(
        'timerfd_settime',
        ref('t'),
        0,
        { it_interval: { tv_sec: 9, tv_nsec: 8 }, it_value: { tv_sec: 7, tv_nsec: 6 } },
        null,
      ),
      call('timerfd_gettime', ref('t'), { out: 'itimerspec' }),
    ],
    { it_interval: { tv_sec: 9, tv_nsec: 8 }, it_value: { tv_sec: 6 } },
  ],
  [
    'rlimit',
    [
      call('prlimit64', 0, 'RLIMIT_NOFILE', { rlim_cur: 99, rlim_max: 100 }, null),
      call('prlimit64', 0, 'RLIMIT_NOFILE', null, { out: 'rlimit64' }),
    ],
    { rlim_cur: 99, rlim_max: 100 },
  ],
  [
    'utsname',
    [call('sethostname', 'box', 3), call('uname', { out: 'utsname' })],
    { sysname: 'Linux', nodename: 'box' },
  ],
  ['sysinfo', [call('sysinfo', { out: 'sysinfo' })], { mem_unit: 1 }],
  [
    'tcp_info',
    [...connection, call('getsockopt', ref('c'), 'SOL_TCP', 'TCP_INFO', { out: 'tcp_info' }, [248])],
    { optval: { tcpi_state: 1, tcpi_snd_mss: 32741 } },
  ],
  [
    'raw',
    [call('uname', { out: 390, type: 'bytes' })],
    { utf8: expect.stringMatching(/^Linux\0+lkl\0/) as unknown as Json },
  ],
])('%s', async (_, calls, wanted) => {
  const { results } = await play({ calls });
  expect(results.filter(({ errno }) => errno !== undefined)).toEqual([]);
  expect(results.at(-1)?.out).toMatchObject(wanted as object);
});

it('an address in a struct is given as the API document shows it', async () => {
  const { description } = document.paths['/v1/syscalls'].post;
  const { calls } = JSON.parse(/```json\n(.*)\n```/s.exec(description)?.[1] ?? '{}') as { calls: PlayedCall[] };
  const { results } = await play({ calls });
  expect(results.map(({ errno }) => errno)).toEqual(calls.map(() => undefined));
  expect(description).toContain('`"out": [10, 1]`');
  expect(results.at(-1)?.out).toEqual([10, 1]);
});
