/** Programs that break the kernel they run on, or what its owner would need to end it: each is told of its own end, and nothing stays. */

import { type Ask, as, call, countsOf, Findings, json } from './client.ts';
import { untilWhole } from './cut.ts';

export interface GuestsOptions {
  readonly url: URL;
  /** What each program may take by the wall clock: those that wait for ever wait for so long. */
  readonly deadlineMs: number;
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

/** A guest's own end is no fault of ours: nothing else than these. */
const isOurs = (status: number): boolean => status >= 500 && status !== 503;

async function told(answer: Response): Promise<string> {
  const text = await answer.text();
  if (answer.status < 400) return String(answer.status);
  const { type = '' } = JSON.parse(text) as { readonly type?: string };
  return `${answer.status} ${type.replace('/problems/', '')}`;
}

async function inSession(
  ask: Ask,
  [name, calls]: readonly [string, readonly object[]],
  findings: Findings,
  deadlineMs: number,
): Promise<string> {
  const made = await ask('/v1/sessions', json({ expires_in_s: 300 }));
  const { id } = (await made.json()) as { readonly id: string };
  const at = `/v1/sessions/${id}`;
  const ran = await told(await ask(`${at}/syscalls`, json({ calls, deadline_ms: deadlineMs })));
  const steps: (readonly [string, string, string?])[] = [
    ['info', at],
    ['files', `${at}/files/`],
    ['suspend', `${at}/suspend`, 'POST'],
    ['list', '/v1/sessions'],
    ['console', `${at}/console`],
  ];
  for (const [step, path, method = 'GET'] of steps) {
    const answer = await ask(path, { method });
    const word = await told(answer);
    findings.must(!isOurs(answer.status), `a session that ${name}: ${step} is ${word}`);
  }
  const deleted = await ask(at, { method: 'DELETE' });
  findings.must(deleted.status === 204, `a session that ${name}: deleting it is ${await told(deleted)}`);
  findings.must((await ask(at)).status === 404, `a session that ${name} is there after it was deleted`);
  return ran;
}

export async function guests({ url, deadlineMs }: GuestsOptions): Promise<GuestsReport> {
  const findings = new Findings();
  const ask = as(url, 'guest');
  const [batches, sessions]: [string[], string[]] = [[], []];
  for (const [name, calls] of Object.entries(programs)) {
    for (const clock of ['virtual', 'wall'] as const) {
      // By the virtual clock nobody waits: what never ends is found out, on a busy machine later.
      const deadline = clock === 'virtual' ? {} : { deadline_ms: deadlineMs };
      const answer = await ask('/v1/syscalls', json({ calls, clock, ...deadline }));
      const word = await told(answer);
      batches.push(word);
      findings.must(!isOurs(answer.status), `a batch that ${name} (${clock} clock): ${word}`);
    }
    const word = await inSession(ask, [name, calls], findings, deadlineMs);
    sessions.push(word);
    findings.must(!/^5(?!03)/.test(word), `a session that ${name}: ${word}`);
  }
  const wholeMs = Math.round(await untilWhole(url, 0, 5000));
  return { batches: countsOf(batches), sessions: countsOf(sessions), wholeMs, findings: findings.all };
}
