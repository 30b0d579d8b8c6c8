/** Programs that break the kernel they run on, or what its owner would need to end it: each is told of its own end, and nothing stays. */

import { type Ask, as, call, countsOf, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';

export interface GuestsOptions {
  readonly url: URL;
  /** What each program may take by the wall clock: those that wait for ever wait for so long. */
  readonly deadlineMs: number;
  /** Every operation of a session is asked of, after all of them. Default: those that a program is likeliest to be in the way of. */
  readonly whole?: boolean;
}

export interface GuestsReport {
  readonly batches: Readonly<Record<string, number>>;
  readonly sessions: Readonly<Record<string, number>>;
  readonly wholeMs: number;
  readonly findings: readonly string[];
}

const NONE = { tv_sec: 1_000_000_000, tv_nsec: 0 };
const write = (path: string, text: string) => [
  { ...call('open', path, 'O_WRONLY', 0), as: 'file' },
  call('write', { ref: 'file' }, { utf8: text }, text.length),
];
const many = (times: number, one: object) => Array.from({ length: times }, () => one);

/** By what they do. */
const programs: Readonly<Record<string, readonly object[]>> = {
  'may make no call more': [call('prctl', 'PR_SET_SECCOMP', 1, 0, 0, 0)],
  'unmounts /proc': [call('umount2', '/proc', 2)],
  'unmounts all it can': ['/proc', '/sys', '/dev', '/'].map((path) => call('umount2', path, 2)),
  'mounts over its root': [call('mount', 'none', '/', 'tmpfs', 0, null)],
  'changes its root': [call('mkdir', '/in', 0o700), call('chroot', '/in'), call('chdir', '/')],
  'may open no file': [call('prlimit64', 0, 'RLIMIT_NOFILE', { hex: '00000000000000000000000000000000' }, null)],
  'gives up its rights': [call('setgid', 1000), call('setuid', 1000)],
  'closes everything': [call('close_range', 0, 0xffffffff, 0)],
  'kills everything': [call('kill', -1, 9), call('kill', 1, 9)],
  exits: [call('exit_group', 3)],
  'waits for ever': [call('pause')],
  'sleeps for a billion seconds': [call('nanosleep', NONE, null)],
  'waits for itself': [
    { ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' },
    call('read', { ref: 'pipe.0' }, { out: 1 }, 1),
  ],
  panics: write('/proc/sysrq-trigger', 'c'),
  reboots: write('/proc/sysrq-trigger', 'b'),
  'reboots by a call': [call('reboot', 0xfee1dead, 672274793, 0x1234567, null)],
  'powers off': [call('reboot', 0xfee1dead, 672274793, 0x4321fedc, null)],
  'takes all memory': many(64, call('mmap', 0, 1 << 20, 3, 0x22, -1, 0)),
  'fills its files': [
    { ...call('open', '/full', 'O_RDWR|O_CREAT', 0o600), as: 'full' },
    ...many(11, call('write', { ref: 'full' }, { base64: Buffer.alloc(1 << 20, 1).toString('base64') }, 1 << 20)),
  ],
  'reads where nothing is': [call('write', 1, 0x7fffff00, 4096), call('read', 0, 16, 4096)],
  'writes over its kernel': [
    { ...call('memfd_create', 'x', 0), as: 'x' },
    call('write', { ref: 'x' }, { base64: Buffer.alloc(65536, 0xff).toString('base64') }, 65536),
    ...Array.from({ length: 24 }, (_, at) => call('pread64', { ref: 'x' }, 65536 * (at + 16), 65536, 0)),
  ],
  'freezes its disks': [
    { ...call('open', '/', 'O_RDONLY', 0), as: 'root' },
    call('ioctl', { ref: 'root' }, 0xc0045877, 0),
  ],
  'asks for nonsense': [call('ioctl', 0, 0xffffffff, 0xffffffff), call('mount', null, null, null, 0xffffffff, null)],
};

const limit = (resource: string, bytes: string) => call('prlimit64', 0, resource, { hex: bytes }, null);
const [NOTHING, A_BYTE] = ['00'.repeat(16), `01${'00'.repeat(7)}`.repeat(2)];
const PERMISSION = 'FAN_OPEN_PERM|FAN_ACCESS_PERM|FAN_ONDIR|FAN_EVENT_ON_CHILD';

/** What of a session they set or take so that its owner's own requests would stumble over it: nothing of it is worth running alone. */
const settings: Readonly<Record<string, readonly object[]>> = {
  'may write no byte into files': [limit('RLIMIT_FSIZE', A_BYTE)],
  'may have no processor time': [limit('RLIMIT_CPU', NOTHING)],
  'may have no other task': [limit('RLIMIT_NPROC', NOTHING), call('setuid', 1000)],
  'may open no file, and has no rights': [limit('RLIMIT_NOFILE', NOTHING), call('setuid', 1000)],
  'keeps all memory free': write('/proc/sys/vm/min_free_kbytes', '1000000'),
  'lets nobody open many files': write('/proc/sys/fs/nr_open', '64'),
  'lets the system open no file': [...write('/proc/sys/fs/file-max', '0'), call('setuid', 1000)],
  'lets nobody have many tasks': write('/proc/sys/kernel/threads-max', '20'),
  'is to be killed first': write('/proc/self/oom_score_adj', '1000'),
  'makes its children in another pid namespace': [call('unshare', 'CLONE_NEWPID')],
  'leaves its namespaces': [call('unshare', 'CLONE_NEWNS|CLONE_NEWNET|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWCGROUP')],
  'is nobody in a namespace of its own': [call('unshare', 'CLONE_NEWUSER')],
  'has all descriptors': many(1100, call('dup', 0)),
  'takes its root away': [
    call('mkdir', '/gone', 0o700),
    call('chroot', '/gone'),
    call('chdir', '/'),
    call('rmdir', '/gone'),
  ],
  'has a root that nobody may read': [call('chmod', '/', 0), call('setuid', 1000)],
};

/** What has its owner's requests wait, for as long as they may. */
const holding: typeof settings = {
  'answers nobody who opens a file': [
    { ...call('fanotify_init', 'FAN_CLASS_CONTENT', 'O_RDONLY'), as: 'watch' },
    call('fanotify_mark', { ref: 'watch' }, 'FAN_MARK_ADD|FAN_MARK_MOUNT', PERMISSION, 'AT_FDCWD', '/'),
  ],
  'has no loopback': [
    { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 's' },
    call('ioctl', { ref: 's' }, 'SIOCSIFFLAGS', { struct: 'ifreq', ifr_name: 'lo', ifr_flags: 0 }),
  ],
};

/** A guest's own end is no fault of ours: nothing else than these. */
const isOurs = (status: number): boolean => status >= 500 && status !== 503;

async function told(answer: Response): Promise<string> {
  const text = await answer.text();
  if (answer.status < 400) return String(answer.status);
  const { type = '' } = JSON.parse(text) as { readonly type?: string };
  return `${answer.status} ${type.replace('/problems/', '')}`;
}

async function forks(ask: Ask, name: string, at: string, findings: Findings): Promise<void> {
  const forked = await ask(`${at}/fork`, { method: 'POST' });
  if (!forked.ok) return findings.must(forked.status < 500, `a session that ${name}: a fork is ${await told(forked)}`);
  const { id } = (await forked.json()) as { readonly id: string };
  const { status } = await ask(`/v1/sessions/${id}`, { method: 'DELETE' });
  findings.must(status === 204, `a copy of a session that ${name}: deleting it is ${status}`);
}

async function inSession(
  ask: Ask,
  [name, calls]: readonly [string, readonly object[]],
  findings: Findings,
  { deadlineMs, whole = false }: Omit<GuestsOptions, 'url'>,
): Promise<string> {
  const made = await ask('/v1/sessions', json({ expires_in_s: 300 }));
  const { id } = (await made.json()) as { readonly id: string };
  const at = `/v1/sessions/${id}`;
  const ran = await told(await ask(`${at}/syscalls`, json({ calls, deadline_ms: deadlineMs })));
  const steps: (readonly [string, string, RequestInit?])[] = [
    ['files', `${at}/files/`],
    ['putting a file', `${at}/files/new`, { method: 'PUT', body: 'new' }],
    ['a port', `${at}/ports/80/`],
    ['suspend', `${at}/suspend`, { method: 'POST' }],
  ];
  const more: typeof steps = [
    ['info', at],
    ['a file', `${at}/files/proc/version`],
    ['an interface', `${at}/interfaces`, json({})],
    ['list', '/v1/sessions'],
    ['console', `${at}/console`],
    ['suspend once more', `${at}/suspend`, { method: 'POST' }],
    ['files afterwards', `${at}/files/`],
  ];
  for (const [step, path, init] of [...steps, ...(whole ? more : [])]) {
    const answer = await ask(path, init);
    const word = await told(answer);
    findings.must(answer.status < 500, `a session that ${name}: ${step} is ${word}`);
  }
  if (whole) await forks(ask, name, at, findings);
  const deleted = await ask(at, { method: 'DELETE' });
  findings.must(deleted.status === 204, `a session that ${name}: deleting it is ${await told(deleted)}`);
  findings.must((await ask(at)).status === 404, `a session that ${name} is there after it was deleted`);
  return ran;
}

export async function guests({ url, ...options }: GuestsOptions): Promise<GuestsReport> {
  const findings = new Findings();
  const ask = as(url, 'guest');
  const [batches, sessions]: [string[], string[]] = [[], []];
  for (const [name, calls] of Object.entries(programs)) {
    for (const clock of ['virtual', 'wall'] as const) {
      // By the virtual clock nobody waits: what never ends is found out, on a busy machine later.
      const deadline = clock === 'virtual' ? {} : { deadline_ms: options.deadlineMs };
      const answer = await ask('/v1/syscalls', json({ calls, clock, ...deadline }));
      const word = await told(answer);
      batches.push(word);
      findings.must(!isOurs(answer.status), `a batch that ${name} (${clock} clock): ${word}`);
    }
    const word = await inSession(ask, [name, calls], findings, options);
    sessions.push(word);
    findings.must(!/^5(?!03)/.test(word), `a session that ${name}: ${word}`);
  }
  for (const setting of Object.entries({ ...settings, ...(options.whole && holding) }))
    sessions.push(await inSession(ask, setting, findings, options));
  const wholeMs = Math.round(await untilWhole(url, 0, 5000));
  return { batches: countsOf(batches), sessions: countsOf(sessions), wholeMs, findings: findings.all };
}
