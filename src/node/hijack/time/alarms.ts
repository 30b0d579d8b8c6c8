/** Alarms by our kernel's time, of whatever kind: a task of its own sleeps for each, and who asked for it is told. */

import { must } from '../../../kernel/kernel-error.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import { leastGapNs, SLACK_NS } from './often.ts';

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
  /** None is told. */
  kept(): void;
}

/** How a process is told. */
export interface Bell {
  /** It has not heard what it was told last: nothing new can be told, as one signal waits for a timer. */
  isUnheard(): boolean;
  /** Tells it, of so many expirations. */
  ring(expirations: number): void;
  /** So many more that it has not heard of. */
  missed(expirations: number): void;
}

interface Alarm {
  readonly sinceNs: number;
  dueNs: number;
  /** When it was told last. */
  toldNs: number;
  readonly everyNs: number;
  readonly bell: Bell;
  task: KernelTask | undefined;
}

const MONOTONIC = 1;
const TIMER_ABSTIME = 1;
const NS_PER_S = 1_000_000_000;
/** What nobody has heard of for so long is looked after again when a part of that has passed. */
const UNHEARD_SHARE = 16;
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
  async set(process: number, id: number, { leftNs, everyNs }: AlarmTime, bell: Bell): Promise<AlarmTime> {
    const before = this.get(process, id);
    this.cancel(process, id);
    if (leftNs === 0n) return before;
    const sinceNs = this.#needs.nowNs();
    const alarm: Alarm = {
      sinceNs,
      dueNs: sinceNs + Math.max(SLACK_NS, Number(leftNs)),
      toldNs: sinceNs,
      everyNs: Number(everyNs),
      bell,
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

  /** Tells of it, and sees when it is to be told again. */
  #ring(alarm: Alarm): void {
    const { bell, everyNs, dueNs, sinceNs, toldNs } = alarm;
    const nowNs = this.#needs.nowNs();
    const isUnheard = bell.isUnheard();
    const gapNs = Math.max(leastGapNs(nowNs - sinceNs), isUnheard ? (nowNs - toldNs) / UNHEARD_SHARE : 0);
    const nextNs = Math.max(dueNs + gapNs, nowNs + 1);
    const times = everyNs === 0 ? 1 : Math.max(1, Math.ceil((nextNs - dueNs) / everyNs));
    alarm.dueNs += times * everyNs;
    if (isUnheard) {
      bell.missed(times);
      this.#needs.kept();
    } else {
      alarm.toldNs = nowNs;
      this.#needs.rang();
      bell.ring(times);
    }
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
        this.#ring(alarm);
        if (alarm.everyNs === 0) break;
      }
      if (isOn()) this.#alarms.get(process)?.delete(id);
    } catch {
      // The kernel has ended, and all programs with it.
    }
  }
}
