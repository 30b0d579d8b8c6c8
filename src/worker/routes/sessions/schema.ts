/** Sessions as JSON. */

import { z } from '@hono/zod-openapi';
import { NOT_BOTH, notBothInputs, RUN_DEADLINE_MS, runAnswer, runRequestFields } from '../../../api/run/schema.ts';
import { hijackNotes } from '../../../api/simulations/schema.ts';
import {
  answerOf,
  batchAnswer,
  call,
  calls,
  kernelOptions,
  playOf,
  playOptions,
  task,
  taskAnswer,
  taskName,
  tasksOf,
} from '../../../api/syscalls/schema.ts';
import type { ProgramAnswer, Told, WholeAnswer, WholeBatch } from '../../session/rpc.ts';
import type { NamedSession } from '../../session/sessions.ts';
import { decimal } from '../decimal.ts';
import { pageQuery } from '../image-content/schema.ts';
import { NAME } from '../images/schema.ts';
import { asJson } from '../run/output.ts';

const HOUR_S = 3600;
const EXPIRES_S = { default: HOUR_S, max: 7 * 24 * HOUR_S } as const;

export const sessionParams = z.object({ id: z.uuid().openapi({ param: { name: 'id', in: 'path' } }) });

export const newSession = z
  .strictObject({
    ...kernelOptions,
    clock: kernelOptions.clock.default('wall'),
    program_memory: z.int().min(0).max(64).default(0).openapi({
      description: 'MiB that all programs in it may have together, beside `memory`. 0: none can run.',
      example: 24,
    }),
    hijack: z.unknown().optional().openapi({
      description:
        "LKL's hijack object, as it is: interfaces with addresses, routes, neighbours and qdiscs, settings and mounts, made before the first call. The answer says of each key what became of it.",
    }),
    expires_in_s: z.int().min(1).max(EXPIRES_S.max).default(EXPIRES_S.default).openapi({
      description: 'After so many seconds the session is deleted.',
    }),
  })
  .openapi('NewSession');

const sessionTask = task
  .extend({
    calls: z.array(call).default([]).openapi({
      description: 'Made one after another by this task, after those that it was given before.',
    }),
    keep: z.boolean().optional().openapi({
      description:
        'True: the task stays when the batch is answered, and a later batch goes on with it by its name. False: it ends after these calls. Default: a kept task stays, a new one ends.',
    }),
    wait: z.boolean().default(true).openapi({
      description:
        'False: the batch is answered once the kernel gets no further without time or another call, and the task is kept. A call that is not done then is `pending`; its result comes with a later batch that names the task, or over the WebSocket.',
    }),
    signal: z.string().max(16).optional().openapi({
      description: 'Sent to a kept task first.',
      example: 'SIGUSR1',
    }),
    interrupt: z.boolean().optional().openapi({
      description: 'True: the call that a kept task is in ends first, with EINTR or what it has done by then.',
    }),
  })
  .openapi('SessionTask');

const MAX_NS = 400 * 86_400 * 1e9;

const advance = z
  .strictObject({
    ns: z.int().min(0).max(MAX_NS).optional().openapi({ description: 'So many nanoseconds.' }),
    until_ns: z.int().min(0).optional().openapi({ description: 'Or until CLOCK_MONOTONIC says so much.' }),
    ready: z.array(taskName).max(64).default([]).openapi({
      description: 'No longer than until one of these kept tasks has a result to take, or nothing left to do.',
    }),
  })
  .refine(({ ns, until_ns }) => (ns === undefined) !== (until_ns === undefined), 'either `ns` or `until_ns`')
  .openapi('Advance');

export const sessionBatchHead = z.strictObject({
  ...playOptions,
  tasks: tasksOf(sessionTask),
  advance: advance.optional().openapi({
    description:
      'At the end the time of the kernel goes on, for the kept tasks: with the virtual clock at once, with the other as it does.',
  }),
});

export const sessionBatch = sessionBatchHead.extend({ calls }).openapi('SessionBatch');

const rolledBack = z.object({ to: z.iso.datetime() }).optional();

const sessionTaskAnswer = taskAnswer
  .extend({
    results: taskAnswer.shape.results.openapi({
      description: 'Of a kept task: those that nobody was told yet, each with `ended_ns`, the time by CLOCK_MONOTONIC.',
    }),
    kept: z.literal(true).optional().openapi({ description: 'It is there for the next batch.' }),
    pending: z
      .object({ index: z.int(), call: z.string(), since_ns: z.number() })
      .optional()
      .openapi({ description: 'The call that it makes now, by its place in its list.' }),
    failed: z.string().optional().openapi({ description: 'What was wrong with a call that no batch waited for.' }),
  })
  .openapi('SessionTaskAnswer');

export const sessionAnswer = batchAnswer
  .extend({
    tasks: z.record(z.string(), sessionTaskAnswer).optional().openapi({ description: 'Of `tasks`, by name.' }),
    now_ns: z.number().openapi({ description: "The kernel's CLOCK_MONOTONIC at the end." }),
    rolled_back: rolledBack.openapi({
      description:
        'The host lost the kernel, and what was done since it was last stored: these calls were made on it as it was then. Told once.',
    }),
    obstacle: z.string().optional().openapi({
      description: 'Why what the batch flushed is not sure to survive the host: the session cannot be stored now.',
    }),
  })
  .openapi('SessionAnswer');

export const sessionDiskParams = sessionParams.extend({
  disk: z
    .string()
    .regex(/^vd[a-z]$/)
    .openapi({
      param: { name: 'disk', in: 'path' },
      description: 'As below /dev, in the order of `mounts`.',
      example: 'vda',
    }),
});

export const savedDisk = z
  .strictObject({ image: z.string().regex(NAME).openapi({ description: 'The name of the image.', example: 'disk' }) })
  .openapi('SavedDisk');

export const sessionPortParams = sessionParams.extend({
  port: z
    .string()
    .regex(/^\d{1,5}$/)
    .refine((text) => Number(text) >= 1 && Number(text) <= 65_535, 'a port is 1 to 65535')
    .openapi({ param: { name: 'port', in: 'path' }, description: 'Where the server listens.', example: '8080' }),
  path: z.string().openapi({
    param: { name: 'path', in: 'path' },
    description: 'What the server is asked for, with the query: as it is.',
    example: 'index.html',
  }),
});

export const sessionFileParams = sessionParams.extend({
  path: z.string().openapi({
    param: { name: 'path', in: 'path' },
    description: 'From the root of pid 1, slashes as they are. Its percent-decoded bytes are the path.',
    example: 'etc/hosts',
  }),
});

export const socketQuery = z.strictObject({
  push: z.literal(['', '1', 'true']).optional().openapi({ description: 'Send results of kept tasks as they come.' }),
});

export const sessionFileQuery = z.strictObject(pageQuery);

export const saveFileQuery = z.strictObject({
  mode: z
    .string()
    .regex(/^0?[0-7]{3,4}$/)
    .optional()
    .openapi({
      description: 'Permissions in octal. Default: of a new file what the umask leaves of 0666, else as they are.',
      example: '0755',
    }),
});

export const modeOf = (mode: string | undefined): number | undefined =>
  mode === undefined ? undefined : Number.parseInt(mode, 8);

export const session = z
  .object({
    id: z.uuid().openapi({ description: 'Names it in paths.' }),
    state: z.enum(['running', 'suspended', 'ended']).openapi({
      description: '`suspended`: stored, and at its next call where it was. `ended`: its kernel is no more.',
    }),
    created: z.iso.datetime().openapi({ description: 'When it was made.' }),
    expires: z.iso.datetime().openapi({ description: 'When it will be deleted.' }),
    memory: z.int().openapi({ description: 'MiB that its kernel may grow to.', example: 24 }),
    program_memory: z.int().optional().openapi({ description: 'MiB of its programs; absent: none can run.' }),
    clock: z.enum(['virtual', 'wall']).openapi({ description: 'As it was asked for.' }),
    hijack: hijackNotes.optional().openapi({ description: 'What became of the keys of the hijack object.' }),
    suspended: z
      .object({ at: z.iso.datetime(), took_ms: z.number(), bytes: z.int() })
      .optional()
      .openapi({ description: 'When it was last stored, how long that took and how much it was.' }),
    obstacle: z.string().optional().openapi({
      description: 'Why it could not be suspended when that was last tried: it lives as long as the host lets it.',
    }),
    rolled_back: rolledBack.openapi({
      description: 'The host lost the kernel: what was done between this time and that was undone.',
    }),
  })
  .openapi('Session');

export const sessionList = z
  .object({
    sessions: z
      .array(z.object({ id: z.uuid(), created: z.iso.datetime(), expires: z.iso.datetime(), memory: z.int() }))
      .openapi({ description: 'Oldest first.' }),
  })
  .openapi('SessionList');

/** What a client says of a batch, as the session takes it. JSON is all that `args` can be: it was parsed from text. */
export const wholeBatchOf = ({ calls, tasks, advance, ...play }: z.infer<typeof sessionBatch>): WholeBatch =>
  ({ ...playOf(play), calls, tasks, ...(advance && { advance: advanceOf(advance) }) }) as WholeBatch;

const advanceOf = ({ ns, until_ns: untilNs = 0, ready }: z.infer<typeof advance>) => ({
  by: ns === undefined ? { untilNs } : { ns },
  ready,
});

export const sessionAnswerOf = (
  { report, kept, nowNs, obstacle, ...told }: WholeAnswer,
  withConsole: boolean,
): z.infer<typeof sessionAnswer> => ({
  ...answerOf(report, kept, withConsole),
  now_ns: nowNs,
  ...(obstacle !== undefined && { obstacle }),
  ...rolledBackJson(told),
});

export const sessionProgram = runRequestFields
  .pick({ argv: true, stdin: true, stdin_base64: true, env: true, cwd: true })
  .extend({
    deadline_ms: z.int().min(1).max(RUN_DEADLINE_MS.max).default(RUN_DEADLINE_MS.default).openapi({
      description: 'How long it may run; then it is killed.',
    }),
  })
  .refine(notBothInputs, NOT_BOTH)
  .openapi('SessionProgram');

export const sessionProgramAnswer = runAnswer
  .pick({ exit_code: true, signal: true, stdout: true, stdout_base64: true, stderr: true, stderr_base64: true })
  .extend({
    timed_out: z.boolean().openapi({ description: 'It ran longer than it may, and was killed.' }),
    running: z
      .array(z.object({ name: z.string().openapi({ example: 'busybox' }), pid: z.int().openapi({ example: 40 }) }))
      .openapi({ description: 'Programs that it left running. While there are any the session is not suspended.' }),
    obstacle: z.string().optional().openapi({ description: 'Why what was flushed could not be made to last.' }),
    rolled_back: rolledBack.openapi({
      description: 'There when the session had to go back to what was stored of it, and to when.',
    }),
  })
  .openapi('SessionProgramAnswer');

export const programJson = (answer: ProgramAnswer): z.infer<typeof sessionProgramAnswer> => ({
  ...(answer.exitCode !== undefined && { exit_code: answer.exitCode }),
  ...(answer.signal !== undefined && { signal: answer.signal }),
  ...asJson('stdout', answer.stdout),
  ...asJson('stderr', answer.stderr),
  timed_out: answer.timedOut,
  running: answer.running.map(({ name, pid }) => ({ name, pid })),
  ...(answer.obstacle !== undefined && { obstacle: answer.obstacle }),
  ...rolledBackJson(answer),
});

export const terminalQuery = z.strictObject({
  argv: z
    .preprocess(
      (value) => (typeof value === 'string' ? [value] : value),
      z.array(z.string().max(4096)).min(1).max(64).default(['sh']),
    )
    .openapi({
      type: 'array',
      items: { type: 'string' },
      description: 'The program and its words. May be repeated. Default: `sh`.',
    }),
  columns: decimal(1, 1000).default(80),
  rows: decimal(1, 1000).default(24),
  cwd: z.string().max(4095).regex(/^\//).default('/').openapi({ description: 'Where it runs.' }),
});

const iso = (ms: number): string => new Date(ms).toISOString();

const rolledBackJson = ({ rolledBackToMs }: Told) =>
  rolledBackToMs === undefined ? {} : { rolled_back: { to: iso(rolledBackToMs) } };

/** The same of answers that are not JSON of ours. */
export const ROLLED_BACK = 'lkl-rolled-back';
export const rolledBackHeader = ({ rolledBackToMs }: Told): Record<string, string> =>
  rolledBackToMs === undefined ? {} : { [ROLLED_BACK]: iso(rolledBackToMs) };

export const sessionJson = (found: NamedSession): z.infer<typeof session> => ({
  id: found.id,
  state: found.state,
  created: iso(found.createdMs),
  expires: iso(found.expiresMs),
  memory: found.memoryMib,
  ...(found.programMib !== undefined && { program_memory: found.programMib }),
  clock: found.clock,
  ...(found.hijack && { hijack: [...found.hijack] }),
  ...(found.suspended && {
    suspended: { at: iso(found.suspended.atMs), took_ms: found.suspended.tookMs, bytes: found.suspended.bytes },
  }),
  ...(found.obstacle !== undefined && { obstacle: found.obstacle }),
  ...rolledBackJson(found),
});

export const rowJson = ({
  id,
  createdMs,
  expiresMs,
  memoryMib,
}: Pick<NamedSession, 'id' | 'createdMs' | 'expiresMs' | 'memoryMib'>) => ({
  id,
  created: iso(createdMs),
  expires: iso(expiresMs),
  memory: memoryMib,
});
