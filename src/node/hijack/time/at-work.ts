/** What the machine's kernel tells of who is at work: proc(5). */

import { readdirSync, readFileSync } from 'node:fs';

/** Its threads, and processes that they have made: who has not called yet is not known. */
export function madeBy(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((tid) => [Number(tid), ...childrenOf(`/proc/${pid}/task/${tid}/children`)]);
  } catch {
    return [];
  }
}

function childrenOf(path: string): readonly number[] {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // not on every machine
  }
}

/** On a processor, about to be, or waiting for a disk: proc(5). */
export function isRunning(tid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${tid}/stat`, 'latin1');
    return /^[RD]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Behind the name and the state: time in user mode and in the kernel, in hundredths of a second. */
const [UTIME, STIME] = [11, 12] as const;
const TICK_MS = 10;

/** How long all threads of a process have computed. */
export function computedMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MS;
  } catch {
    return 0; // it has ended
  }
}
