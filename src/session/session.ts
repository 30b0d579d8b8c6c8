/** The Durable Object that owns one live kernel: calls one after another, suspended when nobody calls. */

import { DurableObject } from 'cloudflare:workers';
import { HostError } from '../abi/host-error.ts';
import type { Bindings } from '../env.ts';
import { devicesOf, type PreparedKernel, prepareKernel, type SetupNeeds } from '../jobs/kernel-setup.ts';
import { playTimed } from '../jobs/syscall-batch.ts';
import { seededHost } from '../kernel/seed.ts';
import { freshMachine, NotQuiesced, type SnapshotState } from '../kernel/snapshot.ts';
import { resume, suspend } from '../kernel/suspend.ts';
import {
  type Outcome,
  outcome,
  type SessionInfo,
  type SessionRequest,
  type SessionRpc,
  type WholeAnswer,
  type WholeBatch,
} from './rpc.ts';
import { fillUpper, partsOf, suspendedOf } from './saved.ts';
import { fromJson, type Parts, SessionStore, toJson } from './store.ts';

export interface SessionNeeds {
  readonly module: WebAssembly.Module;
  readonly snapshot: SnapshotState;
  setup(bindings: Bindings): SetupNeeds;
  nowMs(): number;
}

/** Without a call for so long, a session is suspended. The host may drop an idle object after ten seconds. */
const IDLE_MS = 4_000;

/** What is stored beside the kernel. */
interface Meta {
  readonly createdMs: number;
  readonly request: SessionRequest;
  /** Calls were made since the kernel was last stored. */
  readonly ahead: boolean;
  readonly suspended?: NonNullable<SessionInfo['suspended']>;
  /** How its kernel died. */
  readonly ended?: { readonly end: string; readonly detail: string; readonly console: string };
}

/** The class for the runtime, with what it needs of the world. */
export function sessionClass({ module, snapshot, setup, nowMs }: SessionNeeds) {
  return class Session extends DurableObject<Bindings> implements SessionRpc {
    readonly #store: SessionStore;
    readonly #needs: SetupNeeds;
    #live: PreparedKernel | undefined;
    #meta: Meta | undefined;
    #obstacle: string | undefined;
    #tail: Promise<unknown> = Promise.resolve();

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      this.#store = new SessionStore(state.storage);
      this.#needs = setup(bindings);
      const meta = this.#store.get('meta');
      this.#meta = meta && fromJson<Meta>(meta);
    }

    create(request: SessionRequest): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#live = await prepareKernel(request, this.#needs);
        this.#remember({ createdMs: nowMs(), request, ahead: true });
        await this.#setAlarm();
        return this.#info();
      });
    }

    info(): Promise<Outcome<SessionInfo>> {
      return outcome(async () => this.#info());
    }

    run(batch: WholeBatch): Promise<Outcome<WholeAnswer>> {
      return this.#inTurn(async () => {
        const { live, rolledBack } = await this.#wake();
        const meta = this.#known();
        if (!meta.ahead) this.#remember({ ...meta, ahead: true });
        const results: WholeAnswer['results'][number][] = [];
        try {
          const report = await playTimed(
            live,
            batch,
            (result, task) => {
              results.push(task === undefined ? { result } : { task, result });
            },
            this.#needs,
          );
          return { report, results, rolledBack };
        } finally {
          await this.#afterCall(live);
        }
      });
    }

    suspend(): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#mustLive();
        await this.#rest();
        if (this.#obstacle !== undefined) throw new HostError('not-suspendable', this.#obstacle);
        return this.#info();
      });
    }

    fork(name: string): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#mustLive();
        await this.#rest();
        if (this.#obstacle !== undefined) throw new HostError('not-suspendable', this.#obstacle);
        const copy = this.env.SESSIONS.getByName(name) as unknown as SessionRpc;
        const answer = await copy.adopt(this.#store.all());
        if ('problem' in answer) throw new HostError(answer.problem.kind, answer.problem.detail);
        return answer.value;
      });
    }

    adopt(parts: Parts): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#store.replace(parts);
        const meta = fromJson<Meta>(parts.get('meta') ?? toJson(null));
        this.#remember({ ...meta, createdMs: nowMs() });
        await this.#setAlarm();
        return this.#info();
      });
    }

    console(): Promise<Outcome<string>> {
      return this.#inTurn(async () => this.#known().ended?.console ?? (await this.#wake()).live.kernel.console);
    }

    destroy(): Promise<Outcome<null>> {
      return this.#inTurn(async () => {
        await this.#forget();
        return null;
      });
    }

    /** Nobody called for a while, or its time is over. */
    override async alarm(): Promise<void> {
      await this.#inTurn(async () => {
        if (this.#meta === undefined) return;
        if (nowMs() >= this.#meta.request.expiresMs) await this.#forget();
        else await this.#rest();
      });
    }

    /** One after another, in the order in which they came. */
    #inTurn<T>(action: () => Promise<T>): Promise<Outcome<T>> {
      const turn = this.#tail.then(() => outcome(action));
      this.#tail = turn.catch(() => {});
      return turn;
    }

    #known(): Meta {
      if (this.#meta === undefined || nowMs() >= this.#meta.request.expiresMs) throw new HostError('session-not-found');
      return this.#meta;
    }

    #mustLive(): Meta {
      const meta = this.#known();
      const { ended } = meta;
      if (ended) {
        const { end, detail, console } = ended;
        throw new HostError('session-ended', `its kernel ended: ${detail}`, { members: { end, console } });
      }
      return meta;
    }

    #remember(meta: Meta): void {
      this.#meta = meta;
      this.#store.put('meta', toJson(meta));
    }

    /** The kernel: as it is, or from where it was last stored. */
    async #wake(): Promise<{ readonly live: PreparedKernel; readonly rolledBack: boolean }> {
      const { request, ahead } = this.#mustLive();
      if (this.#live) return { live: this.#live, rolledBack: false };
      const parts = this.#store.all();
      const suspended = suspendedOf(parts, snapshot.buildId);
      if (!suspended) {
        const detail = parts.has('kernel') ? 'it was made by another version of the kernel' : 'the host lost it';
        this.#end({ end: 'halt', detail, console: '' });
        this.#mustLive();
        throw new HostError('session-ended', detail);
      }
      const disks = await devicesOf(request.disks, this.#needs);
      for (const [index, { upper }] of disks.entries()) if (upper) fillUpper(upper, parts, index);
      const { seed, clock, memoryMib } = request;
      // A seed decides the beginning alone: two copies of one session do not go on alike.
      const host = seed === undefined ? this.#needs.host : seededHost(this.#needs.host, `${seed} ${nowMs()}`);
      const devices = disks.map(({ device }) => device);
      const kernel = await resume(module, suspended, snapshot.buildId, { host, clock, memoryMib, disks: devices });
      const live = { kernel, disks };
      this.#live = live;
      return { live, rolledBack: ahead };
    }

    async #afterCall({ kernel }: PreparedKernel): Promise<void> {
      const { dead } = kernel;
      if (dead) {
        this.#live = undefined;
        this.#end({ end: dead.end, detail: dead.message, console: dead.console });
      }
      await this.#setAlarm();
    }

    #end(ended: NonNullable<Meta['ended']>): void {
      const meta = { ...this.#known(), ended };
      this.#store.replace(new Map());
      this.#remember(meta);
    }

    #setAlarm(): Promise<void> {
      const expiresMs = this.#meta?.request.expiresMs ?? 0;
      return this.ctx.storage.setAlarm(this.#live ? Math.min(nowMs() + IDLE_MS, expiresMs) : expiresMs);
    }

    /** Store the kernel, if it is ahead of what is stored, and let it go. */
    async #rest(): Promise<void> {
      const live = this.#live;
      if (!live) return this.#setAlarm();
      const startMs = nowMs();
      try {
        const suspended = await suspend(
          live.kernel,
          freshMachine(module, snapshot).memory.bytes,
          this.#needs.host.turn,
        );
        const parts = new Map(partsOf(suspended, snapshot.buildId, live));
        const bytes = [...parts.values()].reduce((sum, part) => sum + part.length, 0);
        const meta = { ...this.#known(), ahead: false, suspended: { atMs: nowMs(), tookMs: nowMs() - startMs, bytes } };
        this.#store.replace(parts.set('meta', toJson(meta)));
        this.#meta = meta;
        this.#obstacle = undefined;
        this.#live = undefined;
        live.kernel.kill();
      } catch (cause) {
        if (!(cause instanceof NotQuiesced)) throw cause;
        this.#obstacle = cause.message;
      }
      await this.#setAlarm();
    }

    async #forget(): Promise<void> {
      this.#live?.kernel.kill();
      this.#live = undefined;
      this.#meta = undefined;
      await this.ctx.storage.deleteAlarm();
      this.#store.replace(new Map());
    }

    #info(): SessionInfo {
      const { createdMs, request, suspended, ended } = this.#known();
      const { expiresMs, memoryMib, clock } = request;
      return {
        state: ended ? 'ended' : this.#live ? 'running' : 'suspended',
        createdMs,
        expiresMs,
        memoryMib,
        clock,
        ...(suspended && { suspended }),
        ...(this.#obstacle !== undefined && { obstacle: this.#obstacle }),
      };
    }
  };
}
