/** Alarms of processes (setitimer(2), alarm(2)) by our kernel's time: a task of its own sleeps for each, and SIGALRM is sent from here. */

import { must } from '../../../kernel/kernel-error.ts';
import { hostCall } from '../../native/calls.ts';
import type { KernelTask } from '../program/kernel-task.ts';

/** In microseconds; nothing left: it is off. */
export interface AlarmTime {
  readonly leftUs: bigint;
  readonly everyUs: bigint;
}

export interface AlarmsNeeds {
  newTask(): Promise<KernelTask>;
  done(task: KernelTask): void;
  interrupt(task: KernelTask): void;
  /** CLOCK_MONOTONIC of our kernel. */
  nowNs(): number;
  /** A process was told: it is about to do something. */
  rang(): void;
}

interface Alarm {
  dueNs: number;
  everyNs: number;
  task: KernelTask | undefined;
}

const MONOTONIC = 1;
const TIMER_ABSTIME = 1;
const SIGALRM = 14;
const NS_PER_S = 1_000_000_000;
const off: AlarmTime = { leftUs: 0n, everyUs: 0n };

export class Alarms {
  readonly #needs: AlarmsNeeds;
  readonly #alarms = new Map<number, Alarm>();

  constructor(needs: AlarmsNeeds) {
    this.#needs = needs;
  }

  get(process: number): AlarmTime {
    const alarm = this.#alarms.get(process);
    if (!alarm) return off;
    const leftUs = Math.max(1, Math.ceil((alarm.dueNs - this.#needs.nowNs()) / 1000));
    return { leftUs: BigInt(leftUs), everyUs: BigInt(alarm.everyNs / 1000) };
  }

  /** Answers what it was before. */
  async set(process: number, { leftUs, everyUs }: AlarmTime): Promise<AlarmTime> {
    const before = this.get(process);
    this.gone(process);
    if (leftUs === 0n) return before;
    const dueNs = this.#needs.nowNs() + Number(leftUs) * 1000;
    const alarm: Alarm = { dueNs, everyNs: Number(everyUs) * 1000, task: undefined };
    this.#alarms.set(process, alarm);
    const task = await this.#needs.newTask();
    alarm.task = task;
    void this.#run(process, alarm, task).finally(() => this.#needs.done(task));
    return before;
  }

  /** It has ended, or wants none any more. */
  gone(process: number): void {
    const alarm = this.#alarms.get(process);
    this.#alarms.delete(process);
    if (alarm?.task) this.#needs.interrupt(alarm.task);
  }

  async #run(process: number, alarm: Alarm, task: KernelTask): Promise<void> {
    const isOn = () => this.#alarms.get(process) === alarm;
    try {
      while (isOn()) {
        const words = BigInt64Array.of(BigInt(Math.floor(alarm.dueNs / NS_PER_S)), BigInt(alarm.dueNs % NS_PER_S));
        task.memory.write(task.structs, new Uint8Array(words.buffer));
        const ret = await task.call('clock_nanosleep_time64', MONOTONIC, TIMER_ABSTIME, task.structs, 0);
        if (!isOn()) return;
        must('clock_nanosleep_time64', ret);
        this.#needs.rang();
        hostCall('kill', process, SIGALRM);
        if (alarm.everyNs === 0) break;
        alarm.dueNs += alarm.everyNs;
      }
      if (isOn()) this.#alarms.delete(process);
    } catch {
      // The kernel has ended, and all programs with it.
    }
  }
}
