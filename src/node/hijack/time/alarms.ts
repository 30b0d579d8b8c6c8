/** Alarms by our kernel's time, of whatever kind: a task of its own sleeps for each, and who asked for it is told. */

import { must } from '../../../kernel/kernel-error.ts';
import type { KernelTask } from '../program/kernel-task.ts';

/** Nothing left: it is off. */
export interface AlarmTime {
  readonly leftNs: bigint;
  readonly everyNs: bigint;
}

export interface AlarmsNeeds {
  newTask(): Promise<KernelTask>;
  done(task: KernelTask): void;
  interrupt(task: KernelTask): void;
  /** CLOCK_MONOTONIC of our kernel. */
  nowNs(): number;
  /** A process is told: it is about to do something. */
  rang(): void;
}

interface Alarm {
  dueNs: number;
  readonly everyNs: number;
  readonly ring: () => void;
  task: KernelTask | undefined;
}

const MONOTONIC = 1;
const TIMER_ABSTIME = 1;
const NS_PER_S = 1_000_000_000;
const off: AlarmTime = { leftNs: 0n, everyNs: 0n };

export class Alarms {
  readonly #needs: AlarmsNeeds;
  /** By process, then by what it calls them. */
  readonly #alarms = new Map<number, Map<number, Alarm>>();

  constructor(needs: AlarmsNeeds) {
    this.#needs = needs;
  }

  get(process: number, id: number): AlarmTime {
    const alarm = this.#alarms.get(process)?.get(id);
    if (!alarm) return off;
    const leftNs = Math.max(1, Math.ceil(alarm.dueNs - this.#needs.nowNs()));
    return { leftNs: BigInt(leftNs), everyNs: BigInt(alarm.everyNs) };
  }

  /** Answers what it was before. */
  async set(process: number, id: number, { leftNs, everyNs }: AlarmTime, ring: () => void): Promise<AlarmTime> {
    const before = this.get(process, id);
    this.cancel(process, id);
    if (leftNs === 0n) return before;
    const alarm: Alarm = {
      dueNs: this.#needs.nowNs() + Number(leftNs),
      everyNs: Number(everyNs),
      ring,
      task: undefined,
    };
    const all = this.#alarms.get(process) ?? new Map<number, Alarm>();
    this.#alarms.set(process, all.set(id, alarm));
    const task = await this.#needs.newTask().catch((cause: unknown) => {
      // It will not ring.
      if (this.#alarms.get(process)?.get(id) === alarm) this.#alarms.get(process)?.delete(id);
      throw cause;
    });
    alarm.task = task;
    void this.#run(process, id, alarm, task).finally(() => this.#needs.done(task));
    return before;
  }

  cancel(process: number, id: number): void {
    const alarm = this.#alarms.get(process)?.get(id);
    this.#alarms.get(process)?.delete(id);
    if (alarm?.task) this.#needs.interrupt(alarm.task);
  }

  /** It has ended. */
  gone(process: number): void {
    for (const id of [...(this.#alarms.get(process)?.keys() ?? [])]) this.cancel(process, id);
    this.#alarms.delete(process);
  }

  async #run(process: number, id: number, alarm: Alarm, task: KernelTask): Promise<void> {
    const isOn = () => this.#alarms.get(process)?.get(id) === alarm;
    try {
      while (isOn()) {
        const words = BigInt64Array.of(BigInt(Math.floor(alarm.dueNs / NS_PER_S)), BigInt(alarm.dueNs % NS_PER_S));
        task.memory.write(task.structs, new Uint8Array(words.buffer));
        const ret = await task.call('clock_nanosleep_time64', MONOTONIC, TIMER_ABSTIME, task.structs, 0);
        if (!isOn()) return;
        must('clock_nanosleep_time64', ret);
        this.#needs.rang();
        alarm.ring();
        if (alarm.everyNs === 0) break;
        alarm.dueNs += alarm.everyNs;
      }
      if (isOn()) this.#alarms.get(process)?.delete(id);
    } catch {
      // The kernel has ended, and all programs with it.
    }
  }
}
