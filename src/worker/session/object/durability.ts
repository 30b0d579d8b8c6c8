/** A session's kernel and its store: what is saved when, where the kernel goes on after it was lost, and how it ends. */

import { KeptTasks, type SavedTask, type TaskListener } from '../../../batch/kept/kept-tasks.ts';
import type { SetupNeeds } from '../../../batch/kernel-setup.ts';
import { programEnd } from '../../../batch/program-end.ts';
import { HostError } from '../../../errors/host-error.ts';
import { rowOf } from '../../../errors/rows.ts';
import { KernelDead, TaskExited } from '../../../kernel/errors.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import { goOn } from '../../../kernel/snapshot/suspend.ts';
import { Interfaces } from '../interfaces/interfaces.ts';
import { Ports } from '../ports/ports.ts';
import { suspendedOf, type Texts, tasksIn, textIn, textParts } from '../saved.ts';
import type { Parts } from '../store.ts';
import { StraceTail } from '../strace-tail.ts';
import type { Alarm } from './alarm.ts';
import type { Meta } from './lifecycle.ts';
import type { SessionRecord } from './record.ts';
import { type SavingNeeds, save, textsOf } from './saving.ts';
import { type Live, remade, resumed } from './waking.ts';

/** A client waits for what is flushed: as long as kswapd sleeps, and a little. */
const COMMIT_PATIENCE_NS = 300_000_000n;

/** A kernel whose device is being answered takes that long to be gone, or longer. */
const GONE_MS = 500;

export interface DurabilityNeeds extends SavingNeeds {
  readonly alarm: Alarm;
  readonly setup: SetupNeeds;
  /** Aborted when the session is over. */
  readonly over: AbortSignal;
  /** Takes results of kept tasks that no batch waits for; answers whether it did. */
  readonly told: TaskListener;
}

export class Durability {
  /** As given, but that it hears of what the kernel flushes. */
  readonly setup: SetupNeeds;
  readonly #needs: DurabilityNeeds;
  readonly #record: SessionRecord;
  #live: Live | undefined;
  #obstacle: string | undefined;
  /** Something was flushed that has to last. */
  #flushed = false;

  constructor(needs: DurabilityNeeds) {
    this.#needs = needs;
    this.#record = needs.record;
    this.setup = { ...needs.setup, flushed: () => this.flushed() };
  }

  /** Of the kernel in memory, if there is one. */
  get ports(): Ports | undefined {
    return this.#live?.ports;
  }

  get inMemory(): boolean {
    return this.#live !== undefined;
  }

  /** Why the kernel could not be stored when that was last tried. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /** What a program wrote has to last from now on. */
  flushed(): void {
    this.#flushed = true;
  }

  /** The named tasks of a kernel. */
  tasksOf(kernel: Kernel, saved: readonly SavedTask[] = []): KeptTasks {
    const tasks = new KeptTasks(kernel, saved);
    tasks.listen(this.#needs.told);
    return tasks;
  }

  networkOf(kernel: Kernel): Pick<Live, 'ports' | 'interfaces'> {
    const { host } = this.setup;
    return { ports: new Ports(kernel, host), interfaces: new Interfaces(kernel, host) };
  }

  /** It has this kernel from now on. */
  own(live: Live): void {
    this.#live = live;
  }

  /** Making a kernel takes its time, in which the session may be forgotten: then this one is nobody's. */
  mustGoOn(kernel: Kernel): void {
    if (!this.#record.doomed) return;
    kernel.kill();
    throw new HostError('session-not-found');
  }

  /** The kernel: as it is, or from where it was last stored, or made anew when it never was. */
  async wake(): Promise<Live> {
    const meta = this.#record.alive();
    if (this.#live?.kernel.dead?.end === 'lost') this.#live = undefined;
    if (this.#live) return this.#live;
    if (meta.holdsKeys) this.#lostWithItsKeys();
    const parts = this.#record.parts();
    const prepared = parts.has('kernel') ? await this.#resume(meta, parts) : await remade(meta, this.setup);
    this.mustGoOn(prepared.kernel);
    const tasks = this.tasksOf(prepared.kernel, parts.has('kernel') ? tasksIn(parts) : []);
    const strace = new StraceTail(textIn(parts.get('strace')));
    this.#live = { ...prepared, tasks, strace, ...this.networkOf(prepared.kernel) };
    this.#record.note({ type: 'woken' });
    return this.#live;
  }

  /** The host let go of it, and nothing of it could be stored: it cannot even be made anew, for nobody has kept the secrets. */
  #lostWithItsKeys(): never {
    const detail = 'the host let go of it, and a kernel that has an encrypted volume open is not stored';
    this.#end({ end: 'halt', detail, console: '' }, { console: '', strace: '' });
    this.#record.alive(); // throws how it ended
    throw new HostError('session-ended');
  }

  async #resume(meta: Meta, parts: Parts) {
    const suspended = suspendedOf(parts, this.#needs.buildId);
    if (suspended) return resumed(meta, suspended, parts, this.setup, { ...this.#needs, signal: this.#needs.over });
    this.#end({ end: 'halt', detail: 'it was made by another version of the kernel', console: '' }, this.texts());
    this.#record.alive(); // throws how it ended
    throw new HostError('session-ended');
  }

  /** Do something with the kernel: what is stored is no longer all there is. */
  async using<T>(action: (live: Live) => Promise<T>): Promise<T> {
    const live = await this.wake();
    this.#record.note({ type: 'used' });
    this.#flushed = false;
    try {
      return await action(live);
    } catch (cause) {
      throw this.#toldEnd(cause);
    } finally {
      this.#buryDead(live);
      await this.setAlarm();
    }
  }

  /**
   * To who asked for a file, or for the session to be stored, the end of the kernel is that of the session, whenever a program
   * prepared it: one that may make no call more does not end before the next is made.
   */
  #toldEnd(cause: unknown): unknown {
    if (this.#record.doomed) return new HostError('session-not-found', 'it was deleted meanwhile', { cause });
    if (cause instanceof TaskExited || (cause instanceof KernelError && isForUs(cause))) return prevented(cause);
    if (!(cause instanceof KernelDead) || !programEnd(cause).startsWith('program-')) return cause;
    const { end, message, console } = cause;
    return new HostError('session-ended', `its kernel ended: ${message}`, { members: { end, console }, cause });
  }

  /** What was flushed is there after a crash: with all else, for a kernel is stored whole. Answers why not. */
  async commitFlushed(live: Live): Promise<string | undefined> {
    if (!this.#flushed || live.kernel.dead) return undefined;
    const { turn } = this.setup.host;
    this.#obstacle = await save(live, this.#needs, { turn, patienceNs: COMMIT_PATIENCE_NS });
    if (this.#obstacle === undefined) await goOn(live.kernel);
    return this.#obstacle;
  }

  /** Store the kernel and let it go; when there is an obstacle, it stays. */
  async rest(): Promise<void> {
    const live = this.#live;
    if (live) {
      try {
        this.#obstacle = await save(live, this.#needs, { turn: this.setup.host.turn });
        if (this.#obstacle === undefined) {
          this.#live = undefined;
          live.kernel.kill();
        }
      } catch (cause) {
        throw this.#toldEnd(cause);
      } finally {
        if (this.#live) this.#buryDead(live);
      }
    }
    await this.setAlarm();
  }

  /** Throws `not-suspendable` when there is an obstacle. */
  async mustRest(): Promise<void> {
    await this.rest();
    if (this.#obstacle !== undefined) throw new HostError('not-suspendable', this.#obstacle);
  }

  async setAlarm(): Promise<void> {
    if (this.#record.doomed) return;
    await this.#needs.alarm.set(this.#record.meta?.request.expiresMs ?? 0, this.inMemory);
  }

  /** Of the kernel in memory, or what is stored of them. */
  texts(): Texts {
    this.#record.known();
    if (this.#live) return textsOf(this.#live);
    const parts = this.#record.parts();
    return { console: textIn(parts.get('console')), strace: textIn(parts.get('strace')) };
  }

  /** The kernel ends in the midst of what it is doing: whoever waits for it hears that the session is over. */
  async drop(): Promise<void> {
    this.#record.doom();
    const live = this.#live;
    this.#live = undefined;
    if (!live) return;
    live.kernel.kill('halt', 'the session is over');
    // What comes next finds its memory free, not about to be.
    await Promise.race([live.kernel.gone, this.setup.host.pause(GONE_MS)]);
  }

  #buryDead(live: Live): void {
    const { dead } = live.kernel;
    if (!dead) return;
    this.#live = undefined;
    // The host's doing, as when it lets go of the object: the session goes on from where it was stored, and says so.
    if (dead.end === 'lost') return;
    this.#end({ end: dead.end, detail: dead.message, console: dead.console }, textsOf(live));
  }

  #end(how: NonNullable<Meta['ended']>, texts: Texts): void {
    this.#record.noteWith({ type: 'died', how }, new Map(textParts(texts)));
  }
}

const INSUFFICIENT_STORAGE = 507;

/** As an image's or our own it would be a fault of the service. In a session it is a program that left no memory, no task, no descriptor. */
const isForUs = ({ problem: { name } }: KernelError): boolean => {
  const { status } = rowOf(name);
  return status >= 500 && status !== INSUFFICIENT_STORAGE;
};

const prevented = (cause: KernelError | TaskExited): HostError =>
  new HostError('program-prevents', cause.message, {
    members: cause instanceof KernelError && cause.errno ? { errno: cause.errno } : {},
    cause,
  });
