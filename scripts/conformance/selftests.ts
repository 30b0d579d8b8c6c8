/**
 * Linux's own selftests that need only sockets, files and timers: built by this machine's gcc, run here and by `lkl hijack`, as root:
 *
 *   node scripts/conformance/selftests.ts linux-6.12 [NAME …]
 *
 * One line each: what the machine's kernel says of it (in a network namespace of its own), what ours does. `pass:3 fail:1` are its own counts.
 * Needs gcc, libcap-dev, libnuma-dev and libpopt-dev; what does not build is told. HEADERS=DIR has newer headers of Linux (make headers_install).
 */

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { root } from '../pins.ts';

const [linux = '', ...asked] = process.argv.slice(2);
const source = resolve(linux, 'tools/testing/selftests');
const folder = mkdtempSync(join(tmpdir(), 'lkl-selftests-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
/** Programs, and scripts of theirs, by their folder. `with`: options of `lkl hijack`. */
interface Group {
  readonly at: string;
  readonly with: readonly string[];
  readonly run: readonly string[];
}
const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const groups: readonly Group[] = [
  {
    at: 'net',
    with: ['--all'],
    run: words(`socket reuseport_bpf reuseport_bpf_cpu reuseport_dualstack reuseport_addr_any reuseaddr_conflict tls tun tap epoll_busy_poll
      netlink-dumps sk_bind_sendto_listen sk_connect_zero_addr sk_so_peek_off so_incoming_cpu bind_wildcard bind_timewait psock_fanout psock_tpacket
      ip_local_port_range.sh so_netns_cookie rxtimestamp tcp_fastopen_backup_key.sh msg_zerocopy.sh udpgso.sh txtimestamp.sh psock_snd.sh
      ipv6_flowlabel.sh so_txtime.sh ip_defrag.sh reuseaddr_ports_exhausted.sh cmsg_so_mark.sh cmsg_time.sh cmsg_ipv6.sh cmsg_so_priority.sh bind_bhash.sh
      netns-name.sh netns-sysctl.sh icmp.sh altnames.sh sctp_vrf.sh udpgro.sh io_uring_zerocopy_tx.sh`),
  },
  { at: 'net/af_unix', with: ['--all'], run: words('diag_uid msg_oob scm_pidfd scm_rights unix_connect') },
  { at: 'filesystems/epoll', with: ['--all'], run: ['epoll_wakeup_test'] },
  { at: 'filesystems/eventfd', with: ['--all'], run: ['eventfd_test'] },
  { at: 'mqueue', with: ['--all'], run: words('mq_open_tests mq_perf_tests') },
  { at: 'ipc', with: ['--all'], run: ['msgque'] },
  { at: 'splice', with: ['--all'], run: words('default_file_splice_read.sh short_splice_read.sh') },
  {
    at: 'timers',
    with: ['--clock', 'virtual'],
    run: words('posix_timers nanosleep nsleep-lat set-timer-lat threadtest'),
  },
];
for (const path of ['kselftest.h', 'kselftest_harness.h', 'kselftest', 'net', ...groups.map(({ at }) => at)])
  cpSync(join(source, path), join(folder, path), { recursive: true });

// As 6.12.118 has it one call has an argument too many.
const tls = join(folder, 'net/tls.c');
writeFileSync(tls, readFileSync(tls, 'utf8').replaceAll(/(&tls\w+), \d\)/g, '$1)'));

const libraries = ['-lpthread', '-lcap', '-lnuma', '-lpopt', '-lcrypto', '-lrt'];
const headers = process.env.HEADERS === undefined ? [] : ['-isystem', process.env.HEADERS];
/** Programs that scripts start besides their own. */
const helpers: Readonly<Record<string, readonly string[]>> = {
  'ipv6_flowlabel.sh': ['ipv6_flowlabel', 'ipv6_flowlabel_mgr'],
  'sctp_vrf.sh': ['sctp_hello'],
  'udpgro.sh': ['udpgso_bench_tx', 'udpgso_bench_rx'],
  'default_file_splice_read.sh': ['default_file_splice_read'],
  'short_splice_read.sh': ['splice_read'],
};
function build(at: string, name: string): string | undefined {
  const own = basename(name, '.sh');
  for (const program of helpers[name] ?? (own.startsWith('cmsg_') ? ['cmsg_sender'] : [own])) {
    const file = join(folder, at, `${program}.c`);
    if (name.endsWith('.sh') && spawnSync('test', ['-e', file]).status !== 0) continue; // of ip(8) alone
    const tools = own.startsWith('io_uring') ? [`-I${resolve(linux, 'tools/include')}`] : [];
    const flags = ['-O2', '-w', '-D_GNU_SOURCE', ...headers, `-I${folder}`, ...tools];
    const args = [...flags, '-o', join(dirname(file), program), file, '-Wl,--as-needed', ...libraries];
    const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
    if (status !== 0) return `does not build: ${stderr.split('\n').find((line) => /error/.test(line)) ?? stderr}`;
  }
  return undefined;
}

const LATE_MS = 120_000;
async function run(at: string, name: string, before: readonly string[]): Promise<string> {
  const [command = '', ...args] = [...before, `./${name}`];
  const child = spawn(command, args, { cwd: join(folder, at), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += String(bytes)));
  const late = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), LATE_MS);
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  clearTimeout(late);
  if (process.env.SHOW !== undefined) console.log(said);
  const counts = /^# Totals: (.*)$/m
    .exec(said)?.[1]
    ?.split(' ')
    .filter((one) => !one.endsWith(':0'))
    .join(' ');
  const failed = [...said.matchAll(/^not ok \d+ (.*)$/gm)].map(([, what]) => what);
  const verdict = code === 0 ? 'ok' : code === 4 ? 'skipped' : code === null ? 'late' : `failed (${code})`;
  const more =
    code === 0
      ? (counts ?? '')
      : `${counts ?? ''} ${failed.slice(0, 4).join('; ') || (said.trim().split('\n').at(-1) ?? '')}`;
  return `${verdict} ${more}`.trim();
}

/** A network namespace of the machine's, as ours begins. */
const alone = ['unshare', '-n', 'sh', '-c', 'ip link set lo up; exec "$0"'];
const ours = (options: readonly string[]) => [
  process.execPath,
  join(root, 'cli/lkl.mjs'),
  'hijack',
  '-m',
  '256',
  ...options,
  '--',
];
for (const { at, with: options, run: names } of groups) {
  for (const name of names) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const obstacle = build(at, name);
    if (obstacle !== undefined) console.log(`${at}/${name} | ${obstacle}`);
    else console.log(`${at}/${name} | ${await run(at, name, alone)} | ${await run(at, name, ours(options))}`);
  }
}
