/** The C translation unit that sees what user space sees of our kernel: its uapi headers, as a 32-bit asm-generic arch has them. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const clang = 'clang-22';

/** The uapi headers that belong to something our kernel can hold; drivers of other machines' hardware are left out. */
const headers = [
  ...'types time_types time times timex stat fcntl openat2 mount statfs fs falloc fadvise xattr'.split(' '),
  ...'uio eventpoll eventfd signalfd timerfd inotify fanotify poll mman memfd mempolicy membarrier'.split(' '),
  ...'sched sched/types wait resource prctl personality capability securebits seccomp ptrace reboot'.split(' '),
  ...'futex aio_abi io_uring rseq kcmp pidfd nsfs close_range userfaultfd cachestat'.split(' '),
  ...'utsname sysinfo kernel limits magic random quota keyctl landlock lsm bpf perf_event kexec module'.split(' '),
  ...'mqueue msg sem shm ipc signal utime ioprio acct'.split(' '),
  ...'socket in in6 un tcp udp ip ipv6 icmp icmpv6 vm_sockets if if_arp if_ether if_packet if_tun if_alg'.split(' '),
  ...'sockios errqueue net_tstamp filter mptcp tls sock_diag inet_diag unix_diag route ipv6_route'.split(' '),
  ...'netlink rtnetlink genetlink if_link if_addr if_bridge if_vlan veth neighbour fib_rules nexthop'.split(' '),
  ...'net_namespace netconf pkt_sched pkt_cls gen_stats lwtunnel if_tunnel snmp ethtool'.split(' '),
  ...'termios tty fiemap fscrypt fsverity fsmap loop dm-ioctl blkpg blkzoned'.split(' '),
  ...'btrfs f2fs ext4 msdos_fs exfat fuse nilfs2_api pr sync_file'.split(' '),
];

/** What libc or kernel-private headers define of the user ABI; the kernel's text is quoted from the source, never retyped. */
const quotes: readonly { readonly file: string; readonly defines?: RegExp; readonly blocks?: readonly string[] }[] = [
  {
    file: 'include/linux/socket.h',
    defines: /^(AF|SOL|MSG|SCM)_/,
    blocks: ['linger', 'cmsghdr', 'ucred', 'user_msghdr', 'mmsghdr'],
  },
  {
    file: 'include/linux/net.h',
    defines: /^SOCK_(CLOEXEC|NONBLOCK|TYPE_MASK)$/,
    blocks: ['sock_type', 'sock_shutdown_cmd'],
  },
  { file: 'include/net/tcp_states.h', blocks: [''] },
  { file: 'include/linux/dirent.h', blocks: ['linux_dirent64'] },
  { file: 'include/linux/fs_types.h', defines: /^DT_(UNKNOWN|FIFO|CHR|DIR|BLK|REG|LNK|SOCK|WHT)$/ },
  { file: 'include/linux/fs.h', defines: /^(MNT_|UMOUNT_)/, blocks: ['file_handle'] },
  { file: 'include/linux/syslog.h', defines: /^SYSLOG_ACTION_/ },
  { file: 'include/linux/splice.h', defines: /^SPLICE_F_/ },
  { file: 'include/linux/swap.h', defines: /^SWAP_FLAG_/ },
  { file: 'include/vdso/time32.h', blocks: ['old_timespec32', 'old_timeval32'] },
  { file: 'include/linux/time32.h', blocks: ['old_itimerspec32', 'old_timex32'] },
];

/** POSIX words that no kernel header holds: unistd.h and sched.h give them, with the same values on every Linux. */
const libc = `
typedef __u64 u64; typedef __s64 s64; typedef __u32 u32; typedef __s32 s32; typedef __s32 old_time32_t;
struct sched_param { int sched_priority; };
#define F_OK 0
#define R_OK 4
#define W_OK 2
#define X_OK 1
`;

/** Headers that the uapi ones expect from an arch, from libc or from the build. */
const stubs: Record<string, string> = {
  'asm/byteorder.h': '#include <linux/byteorder/little_endian.h>\n',
  'asm/ptrace.h': '',
  'asm/sigcontext.h': 'struct sigcontext { unsigned long unused; };\n',
  'linux/compiler.h': '',
  'linux/compiler_types.h': '',
  'sys/socket.h': `#pragma once
#include <linux/socket.h>
typedef __kernel_sa_family_t sa_family_t;
struct sockaddr { sa_family_t sa_family; char sa_data[14]; };
`,
  'netinet/in.h': '#include <linux/in.h>\n#include <linux/in6.h>\n',
  'sys/ioctl.h': '#include <linux/ioctl.h>\n',
  'unistd.h': '',
  'time.h': '#pragma once\n#include <linux/types.h>\ntypedef __kernel_old_time_t time_t;\n',
};

/** A scratch folder with the unit, and the clang that compiles it for our target. */
export class Unit {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lkl-abi-'));
  readonly #flags: string[];

  constructor(linux: string) {
    const include = join(this.#folder, 'include');
    const write = (name: string, text: string) => {
      mkdirSync(join(include, name, '..'), { recursive: true });
      writeFileSync(join(include, name), text);
    };
    for (const name of readdirSync(join(linux, 'include/uapi/asm-generic'))) {
      if (name.endsWith('.h')) write(`asm/${name}`, `#include <asm-generic/${name}>\n`);
    }
    for (const [name, text] of Object.entries(stubs)) write(name, text);
    const present = headers.filter((name) => tryRead(join(linux, `include/uapi/linux/${name}.h`)) !== undefined);
    write(
      'unit.h',
      [
        'time.h',
        'sys/socket.h',
        ...present.map((name) => `linux/${name}.h`),
        ...['stat', 'statfs', 'ioctls', 'socket', 'termbits'].map((name) => `asm/${name}.h`),
      ]
        .map((name) => `#include <${name}>\n`)
        .join('') +
        libc +
        quotes.map((quote) => quoted(linux, quote)).join(''),
    );
    const builtin = execFileSync(clang, ['-print-resource-dir'], { encoding: 'utf8' }).trim();
    this.#flags = [
      ...['--target=wasm32-unknown-unknown', '-std=gnu11', '-nostdinc', '-w', '-ferror-limit=0'],
      ...['-D__user=', '-D__force=', '-D__iomem=', '-D__attribute_const__=', '-D__packed=__attribute__((packed))'],
      ...['-I', include, '-I', join(linux, 'include/uapi'), '-isystem', join(builtin, 'include'), '-include', 'unit.h'],
    ];
  }

  /** Remove the scratch folder. */
  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Run clang over `text` after the unit's headers. */
  run(text: string, ...flags: string[]): { stdout: string; stderr: string; ok: boolean } {
    const file = join(this.#folder, 'probe.c');
    writeFileSync(file, text);
    const done = spawnSync(clang, [...this.#flags, ...flags, file], { encoding: 'utf8', maxBuffer: 1 << 30 });
    return { stdout: done.stdout, stderr: done.stderr, ok: done.status === 0 };
  }
}

function quoted(linux: string, { file, defines, blocks = [] }: (typeof quotes)[number]): string {
  const text = readFileSync(join(linux, file), 'utf8');
  const lines = text.split('\n').filter((line) => defines?.test(/^#define\s+(\w+)\s+\S/.exec(line)?.[1] ?? ''));
  const parts = blocks.map((name) => {
    const found = new RegExp(`^(struct|enum)\\s*${name}\\s*\\{[\\s\\S]*?^\\}.*;$`, 'm').exec(text)?.[0];
    if (found === undefined) throw new Error(`${file}: no struct or enum "${name}"`);
    return found;
  });
  return [...lines, ...parts, ''].join('\n');
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
