/** Flags of `open` as node:fs takes them, in the numbers of our kernel. */

import { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../abi/uapi/fs.ts';
import { argumentError } from '../files/paths.ts';

const O_SYNC = 0o4010000;

/** By the words of node:fs. */
const words: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  sr: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  'sr+': O_RDWR | O_SYNC,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  xw: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  'wx+': O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  'xw+': O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  xa: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  as: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  sa: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  'a+': O_RDWR | O_CREAT | O_APPEND,
  'ax+': O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  'xa+': O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  'as+': O_RDWR | O_CREAT | O_APPEND | O_SYNC,
  'sa+': O_RDWR | O_CREAT | O_APPEND | O_SYNC,
};

/** Numbers are Linux's, whatever this machine is. */
export function openFlags(flags: string | number): number {
  const known = typeof flags === 'number' ? flags : Object.hasOwn(words, flags) ? words[flags] : undefined;
  if (known !== undefined) return known;
  throw argumentError('ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received '${flags}'`);
}

const modeText = /^[0-7]+$/;

/** A mode as node:fs takes it: a number, or octal digits. */
export function modeOf(mode: string | number | null | undefined, otherwise: number): number {
  if (mode === undefined || mode === null) return otherwise;
  const value = typeof mode === 'string' && modeText.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value & 0o7777;
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'mode' must be a 32-bit unsigned integer or an octal string. Received '${mode}'`,
  );
}

/** A time as node:fs takes it (seconds since the epoch, a Date, or text of a number) in nanoseconds. */
export function timeOf(time: string | number | Date | bigint): bigint {
  if (typeof time === 'bigint') return time;
  if (time instanceof Date && !Number.isNaN(time.getTime())) return BigInt(time.getTime()) * 1_000_000n;
  const seconds = typeof time === 'string' ? Number(time) : time;
  if (typeof seconds === 'number' && Number.isFinite(seconds)) {
    const whole = Math.floor(seconds);
    // A double has no more than microseconds of today; libuv gives as many.
    return BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e6)) * 1000n;
  }
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `The "time" argument must be an instance of Date, or a number. Received ${time}`,
  );
}
