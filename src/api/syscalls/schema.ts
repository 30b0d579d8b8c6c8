/** Batches of system calls as JSON. */

import { z } from '@hono/zod-openapi';
import type { KeptResults } from '../../batch/kept/result-keeper.ts';
import type { BatchReport, BatchRequest } from '../../batch/syscall-batch.ts';
import { diskFormats } from '../../storage/open-disk.ts';
import { mountPlace } from '../mount-place.ts';

/** What a batch's kernel may have. */
export const MEMORY_MIB = { min: 12, default: 24, max: 64 } as const;
export const DEADLINE_MS = { default: 30_000, max: 300_000 } as const;
const MAX_DISKS = 16;
const MAX_TASKS = 64;

const resultName = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .openapi({ example: 'fd' });

export const call = z
  .strictObject({
    call: z.string().max(64).openapi({ description: 'By its Linux name: see `GET /v1/syscalls`.', example: 'openat' }),
    args: z
      .array(z.unknown())
      .max(8)
      .optional()
      .openapi({
        description:
          'Numbers; words ("O_RDWR|O_CREAT"); strings; null; {"ref": name} or {"ref": "name.field"}, an earlier result; {"utf8"}, {"base64"} or {"hex"}, input bytes; {"out": bytes} or {"out": "stat"}, memory that the call writes; structs as objects, a `ptr` in one as a number (an address: see the operation); arrays.',
        example: ['AT_FDCWD', '/x/f', 'O_RDWR|O_CREAT', 420],
      }),
    as: resultName.optional().openapi({ description: 'Names the result, for references.' }),
    after: resultName.optional().openapi({
      description: 'Make this call only once a call of another task has the result of this name.',
    }),
    expect: z
      .union([z.int(), z.string().max(32)])
      .optional()
      .openapi({ description: 'A `ret`, the name of an errno, or "success"; anything else stops the list.' }),
  })
  .openapi('Call');

export const task = z
  .strictObject({
    calls: z.array(call).openapi({ description: 'Made one after another by this task.' }),
    flags: z.string().default('CLONE_FILES|CLONE_FS').openapi({
      description: 'What it shares with pid 1, as words of clone(2). "0" shares nothing: a process of its own.',
    }),
  })
  .openapi('BatchTask');

const disk = z
  .strictObject({
    image: z.string().optional().openapi({ description: 'The name of an image in storage.' }),
    base64: z.base64().optional().openapi({ description: 'Or a small image itself.' }),
    at: mountPlace
      .optional()
      .openapi({ description: 'Where to mount it. Absent: it is plugged in as a disk only.', example: '/mnt' }),
    type: z
      .string()
      .regex(/^[a-z0-9_]{1,32}$/)
      .optional()
      .openapi({ description: 'The file system. Default: found out.', example: 'ext4' }),
    partition: z
      .union([z.int().min(1).max(256), z.string().min(1).max(256)])
      .optional()
      .openapi({
        description:
          'By number, label, UUID, `root` or `whole`, or what is stacked on it by name (`vg/root`, `/dev/md/data`), as in `/v1/images/{name}/tar`. Default: found out.',
      }),
    options: z.string().max(2048).optional().openapi({ description: 'As for mount -o.' }),
    format: z.enum(diskFormats).optional().openapi({ description: 'What the image is. Default: found out.' }),
    member: z.string().min(1).max(4096).optional().openapi({ description: 'One of several disks in it.' }),
    snapshot: z.string().min(1).max(1024).optional().openapi({ description: 'A state of the disk that it keeps.' }),
    offset: z.int().min(0).optional().openapi({ description: 'The byte where the disk begins in the image.' }),
    size: z.int().min(1).optional().openapi({ description: 'Its bytes. Default: up to the end.' }),
    also: z
      .array(z.string())
      .max(MAX_DISKS - 1)
      .optional()
      .openapi({
        description:
          'Images in storage that are disks of the same machine: members of an array, of a volume group, of a btrfs. Each is a disk, right behind this one.',
      }),
    header: z.string().optional().openapi({
      description: 'An image in storage that is the detached header of an encrypted volume; a disk, too.',
    }),
    subvolume: z.string().min(1).max(1024).optional().openapi({
      description: 'Of a btrfs: a subvolume or snapshot, by path or number.',
    }),
    read_only: z.boolean().default(false).openapi({
      description: 'Otherwise what is written stays in the memory of this kernel. The image itself never changes.',
    }),
  })
  .refine(({ image, base64 }) => (image === undefined) !== (base64 === undefined), 'either `image` or `base64`')
  .openapi('BatchMount');

/** How the kernel is to be; shared by batches and sessions. */
export const kernelOptions = {
  mounts: z.array(disk).max(MAX_DISKS).default([]).openapi({
    description: 'Images as disks /dev/vda, /dev/vdb … in this order, mounted where they say.',
  }),
  network: z
    .strictObject({ loopback: z.boolean().default(true) })
    .prefault({})
    .openapi({ description: 'Every kernel has a loopback device; it is up unless `loopback` is false.' }),
  sysctl: z
    .record(z.string().max(256), z.union([z.string().max(4096), z.int()]))
    .default({})
    .openapi({ description: 'As for sysctl(8).', example: { 'net.ipv4.tcp_congestion_control': 'bbr' } }),
  cmdline: z.string().max(4096).default('').openapi({
    description:
      'Words of a kernel command line that still mean something after boot: loglevel=, quiet, debug, hostname=, panic=, panic_on_warn, sysctl.KEY=VALUE and MODULE.PARAMETER=VALUE. Any other is refused: the kernel starts from a snapshot.',
    example: 'loglevel=7',
  }),
  memory: z.int().min(MEMORY_MIB.min).max(MEMORY_MIB.max).default(MEMORY_MIB.default).openapi({
    description: 'MiB that the kernel may grow to.',
  }),
  clock: z.enum(['virtual', 'wall']).default('virtual').openapi({
    description: '`virtual` jumps to the next timer when every task waits, and stands still while none does.',
  }),
  seed: z
    .union([z.int(), z.string().max(256)])
    .optional()
    .openapi({
      description:
        'Decides everything random, and starts the date at 2026-01-01. With the virtual clock, the same request is answered by the same bytes.',
    }),
};

/** How a list of calls is to be played; shared by batches and sessions. */
export const playOptions = {
  on_error: z.enum(['continue', 'stop']).default('continue').openapi({
    description: 'What a failed call means for those after it. A call with `expect` decides for itself.',
  }),
  strace: z.boolean().default(false).openapi({ description: 'Add to each result the line that strace(1) would show.' }),
  console: z.boolean().default(false).openapi({ description: 'Add what the kernel logged while the batch ran.' }),
  deadline_ms: z.int().min(1).max(DEADLINE_MS.max).default(DEADLINE_MS.default).openapi({
    description:
      'How long all of it may take. Then the calls under way are interrupted, as by a signal, and no more are made. One that cannot be interrupted ends the kernel; one that computes without ever waiting is ended by the limit of the host on CPU time.',
  }),
};

/** A record loses this key, for it would be its prototype. */
const PROTO = '__proto__';

export const taskName = z.string().regex(/^[\w-]{1,32}$/);

/** Tasks by their names. */
export const tasksOf = <T extends z.ZodType>(one: T) =>
  z
    .preprocess(
      (value, context) => {
        if (value instanceof Object && Object.hasOwn(value, PROTO)) context.addIssue(`no task can be named ${PROTO}`);
        return value;
      },
      z.record(taskName, one).refine((record) => Object.keys(record).length <= MAX_TASKS, `at most ${MAX_TASKS} tasks`),
    )
    .default({})
    .openapi({
      description: 'Lists of calls that run at once, each as a clone of pid 1, when `calls` has come to its end.',
    });

export const tasks = tasksOf(task);

export const batchHead = z.strictObject({ ...kernelOptions, ...playOptions, tasks });

export const calls = z.array(call).default([]).openapi({ description: 'One after another, in their order, by pid 1.' });

export const batch = batchHead.extend({ calls }).openapi('Batch');

export const result = z
  .looseObject({
    ret: z.int().nullable().openapi({ description: 'What Linux answered; null when the task ended in the call.' }),
    errno: z
      .string()
      .optional()
      .openapi({ description: "The errno's name, of a call that failed.", example: 'ENOENT' }),
    out: z.unknown().openapi({
      description: 'What the call wrote: the value itself, or by argument when it wrote several.',
    }),
    exited: z
      .object({ status: z.int() })
      .optional()
      .openapi({ description: 'The task is no more; `status` as wait(2) has it.' }),
    ns: z.number().optional().openapi({ description: "Time that passed on the kernel's clock, if any did." }),
    strace: z
      .string()
      .optional()
      .openapi({ description: 'When asked for: the line that strace(1) would show.', example: 'getpid() = 1' }),
    unexpected: z.literal(true).optional().openapi({ description: '`expect` wanted something else.' }),
  })
  .openapi('CallResult');

const stopped = z
  .object({ index: z.int(), reason: z.enum(['error', 'unexpected', 'exited', 'deadline', 'deadlock']) })
  .optional()
  .openapi({
    description:
      'Why a list ended before its last call. `deadline`, `deadlock`: the call at `index` was interrupted and has answered EINTR or what it had done by then, or was not made.',
  });

const end = {
  stopped,
  clock_ns: z.number().openapi({ description: "How far the kernel's clock went." }),
  console: z.string().optional().openapi({ description: 'When asked for.' }),
};

export const taskAnswer = z.object({
  pid: z.int().openapi({ description: 'As its own getpid(2) says.' }),
  results: z.array(result),
  stopped,
});

export const batchAnswer = z
  .object({
    results: z.array(result).openapi({ description: 'Of `calls`, in order.' }),
    ...end,
    tasks: z.record(z.string(), taskAnswer).optional().openapi({ description: 'Of `tasks`, by name.' }),
  })
  .openapi('BatchAnswer');

const kind = {
  type: z.string(),
  direction: z.enum(['in', 'out', 'inout']).optional(),
  struct: z.string().optional(),
  constants: z.string().optional(),
  length: z.string().optional(),
};

export const syscallTable = z
  .object({
    calls: z
      .array(
        z.object({
          name: z.string(),
          number: z.int(),
          args: z
            .array(z.object({ name: z.string(), ...kind }))
            .optional()
            .openapi({ description: 'Absent for a number that Linux only reserves.' }),
          absent: z
            .literal(true)
            .optional()
            .openapi({ description: 'The kernel was built without it: it answers ENOSYS, whatever it is asked.' }),
          aliases: z.array(z.string()).optional().openapi({ description: 'Other names that mean the same call.' }),
        }),
      )
      .openapi({ description: 'By number.' }),
    structs: z
      .array(
        z.object({
          name: z.string(),
          size: z.int(),
          fields: z.array(z.object({ name: z.string(), offset: z.int(), ...kind })),
        }),
      )
      .openapi({ description: 'As they lie in memory.' }),
    constants: z.record(z.string(), z.record(z.string(), z.number())).openapi({ description: 'Group → word → value.' }),
  })
  .openapi('SyscallTable');

type BatchHead = z.infer<typeof batchHead>;

/** What the request means to the job. JSON is all that `args` can be: it was parsed from text. */
export function batchOf(head: BatchHead, calls: BatchRequest['calls']): BatchRequest {
  return {
    ...kernelOf(head),
    ...playOf(head),
    calls,
    tasks: head.tasks as BatchRequest['tasks'],
  };
}

export const kernelOf = (head: Omit<BatchHead, keyof typeof playOptions | 'tasks'>) => ({
  disks: head.mounts.map(({ read_only, offset, size, ...rest }) => ({
    ...rest,
    offsetBytes: offset,
    sizeBytes: size,
    readOnly: read_only,
  })),
  loopback: head.network.loopback,
  sysctl: Object.fromEntries(Object.entries(head.sysctl).map(([key, value]) => [key, String(value)])),
  commandLine: head.cmdline,
  memoryMib: head.memory,
  clock: head.clock,
  seed: head.seed === undefined ? undefined : String(head.seed),
});

export const playOf = (head: Pick<BatchHead, keyof typeof playOptions>) => ({
  onError: head.on_error,
  strace: head.strace,
  deadlineMs: head.deadline_ms,
});

/** An answer in one piece. What came out of calls is JSON. */
export function answerOf(
  report: BatchReport,
  { results, tasks: ofTasks }: KeptResults,
  withConsole: boolean,
): z.infer<typeof batchAnswer> {
  const json = (list: KeptResults['results']) => list as unknown as z.infer<typeof result>[];
  const tasks = Object.entries(report.tasks).map(([name, end]) => [
    name,
    { ...end, results: json(ofTasks.get(name) ?? []) },
  ]);
  return {
    results: json(results),
    ...endOf(report, withConsole),
    ...(tasks.length > 0 && { tasks: Object.fromEntries(tasks) }),
  };
}

export const endOf = ({ stopped, clockNs, console }: BatchReport, withConsole: boolean) => ({
  ...(stopped && { stopped }),
  clock_ns: clockNs,
  ...(withConsole && { console }),
});
