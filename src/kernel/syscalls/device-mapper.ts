/** Block devices of the device mapper, made as libdevmapper makes them: by ioctls on /dev/mapper/control (linux/dm-ioctl.h). */

import { AT_FDCWD, O_CLOEXEC, O_RDWR } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { type Ptr, plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { close, openat } from './file.ts';
import { mapBuffer, unmapBuffer } from './memory.ts';
import type { UserBuffer } from './scratch.ts';

/** One row of a table, as dmsetup(8) has it. */
export interface Target {
  /** In sectors of 512 bytes, one row where the one before it ends. */
  readonly start: number;
  readonly sectors: number;
  /** `linear`, `crypt` … */
  readonly type: string;
  /** Separated by spaces; devices by their numbers, as 254:0. */
  readonly params: string;
}

// struct dm_ioctl: version[3], data_size, data_start, target_count, open_count, flags, event_nr, padding, dev, name[128], uuid[129].
const HEADER_BYTES = 312;
const DATA_SIZE = 12;
const DATA_START = 16;
const TARGET_COUNT = 20;
const FLAGS = 28;
const DEV = 40;
const NAME = 48;
const NAME_BYTES = 128;
// struct dm_target_spec: sector_start, length, status, next, target_type[16]; the parameters follow.
const SPEC_BYTES = 40;
const TYPE_BYTES = 16;

/** DM_VERSION: what is asked for of the interface; a newer kernel of the same major number takes it. */
const VERSION = [4, 0, 0] as const;
const DM_READONLY_FLAG = 1 << 0;
/** The kernel wipes its copies of the request: tables of dm-crypt have keys in them. */
const DM_SECURE_DATA_FLAG = 1 << 15;

const DM_DEV_CREATE = 3;
const DM_DEV_REMOVE = 4;
const DM_DEV_SUSPEND = 6;
const DM_TABLE_LOAD = 9;
/** _IOWR(DM_IOCTL, nr, struct dm_ioctl) */
const request = (nr: number): number => ((3 << 30) | (HEADER_BYTES << 16) | (0xfd << 8) | nr) >>> 0;

const encoder = new TextEncoder();

/** Room for the device's name behind a request without data. */
const SMALL_BYTES = 16 * 1024;

/** A device with this table, live; answers its name under /dev and /sys/block (`dm-0`). */
export async function createMapping(
  task: UserTask,
  name: string,
  table: readonly Target[],
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<string> {
  const specs = table.map(encoded);
  const bytes = HEADER_BYTES + specs.reduce((sum, spec) => sum + spec.length, 0);
  return control(task, bytes, async (call) => {
    const created = await call(DM_DEV_CREATE, name);
    try {
      await call(DM_TABLE_LOAD, name, { specs, flags: readOnly ? DM_READONLY_FLAG : 0 });
      await call(DM_DEV_SUSPEND, name); // without DM_SUSPEND_FLAG: resume, with the table that was loaded
    } catch (cause) {
      await call(DM_DEV_REMOVE, name).catch(() => {}); // what is to be told is why it was not made
      throw cause;
    }
    return `dm-${minorOf(created)}`;
  });
}

export const removeMapping = (task: UserTask, name: string): Promise<void> =>
  control(task, SMALL_BYTES, async (call) => void (await call(DM_DEV_REMOVE, name)));

interface Data {
  readonly specs: readonly Uint8Array[];
  readonly flags?: number;
}

/** Answers the device's number. */
type Call = (nr: number, name: string, data?: Data) => Promise<bigint>;

async function control<T>(task: UserTask, bytes: number, work: (call: Call) => Promise<T>): Promise<T> {
  const path = '/dev/mapper/control';
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDWR | O_CLOEXEC), path);
  const buffer = await mapBuffer(task, Math.max(bytes, SMALL_BYTES));
  try {
    return await work(async (nr, name, data) => {
      lay(task, buffer, name, data);
      try {
        must('ioctl', await task.syscall('ioctl', fd, request(nr), buffer.at), `${path} ${name}`);
        return task.memory.u64(plus(buffer.at, DEV));
      } finally {
        task.memory.view(buffer.at, buffer.bytes).fill(0); // it may have had keys in it
      }
    });
  } finally {
    await unmapBuffer(task, buffer);
    await close(task, fd);
  }
}

function lay(
  task: UserTask,
  { at, bytes }: UserBuffer,
  name: string,
  { specs, flags = 0 }: Data = { specs: [] },
): void {
  const { memory } = task;
  const field = (offset: number, value: number) => memory.setU32(plus(at, offset), value);
  memory.view(at, bytes).fill(0);
  for (const [i, part] of VERSION.entries()) field(4 * i, part);
  field(DATA_SIZE, bytes);
  field(DATA_START, HEADER_BYTES);
  field(TARGET_COUNT, specs.length);
  field(FLAGS, flags | DM_SECURE_DATA_FLAG);
  const text = encoder.encode(name);
  if (text.length >= NAME_BYTES) throw new RangeError(`${name} is too long for a name`);
  memory.write(plus(at, NAME), text);
  let next = plus(at, HEADER_BYTES) as Ptr;
  for (const spec of specs) {
    memory.write(next, spec);
    next = plus(next, spec.length);
  }
}

/** A struct dm_target_spec and its parameters, as long as to where the next one begins. */
function encoded({ start, sectors, type, params }: Target): Uint8Array {
  const text = encoder.encode(params);
  const bytes = new Uint8Array(Math.ceil((SPEC_BYTES + text.length + 1) / 8) * 8);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0, BigInt(start), true);
  data.setBigUint64(8, BigInt(sectors), true);
  data.setUint32(20, bytes.length, true);
  bytes.set(encoder.encode(type).subarray(0, TYPE_BYTES - 1), 24);
  bytes.set(text, SPEC_BYTES);
  return bytes;
}

/** linux/kdev_t.h: new_encode_dev() */
const minorOf = (dev: bigint): number => Number((dev & 0xffn) | ((dev >> 12n) & 0xfff00n));
