/** The Durable Object that owns one live kernel: calls one after another, suspended when nobody calls. */

import { DurableObject } from 'cloudflare:workers';
import { KeptTasks } from '../../batch/kept-tasks.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Bindings } from '../env.ts';
import { Alarm } from './object/alarm.ts';
import { runBatch } from './object/batches.ts';
import { Durability } from './object/durability.ts';
import { type Exchange, sendPath, takeFile } from './object/files.ts';
import { infoOf } from './object/lifecycle.ts';
import { SessionRecord } from './object/record.ts';
import { Turns } from './object/turns.ts';
import { type Live, made, type SessionNeeds } from './object/waking.ts';
import {
  type FileBody,
  type FoundPath,
  type Outcome,
  outcome,
  type SessionInfo,
  type SessionRequest,
  type SessionRpc,
  type Told,
  valueIn,
  type WantedPath,
  type WholeAnswer,
  type WholeBatch,
} from './rpc.ts';
import { type Parts, SessionStore } from './store.ts';
import { StraceTail } from './strace-tail.ts';
import { watched } from './watched.ts';

/** The class for the runtime, with what it needs of the world. */
export function sessionClass({ setup, ...needs }: SessionNeeds) {
  const { nowMs } = needs;
  return class Session extends DurableObject<Bindings> implements SessionRpc {
    readonly #turns = new Turns();
    readonly #record: SessionRecord;
    readonly #alarm: Alarm;
    readonly #kept: Durability;

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      this.#record = new SessionRecord(new SessionStore(state.storage), nowMs);
      this.#alarm = new Alarm(state.storage, nowMs);
      this.#kept = new Durability({ ...needs, record: this.#record, alarm: this.#alarm, setup: setup(bindings) });
    }

    create(request: SessionRequest): Promise<Outcome<SessionInfo>> {
      return this.#turns.take(async () => {
        const { prepared, hijack } = await made(request, this.#kept.setup);
        this.#kept.own({ ...prepared, strace: new StraceTail(), tasks: new KeptTasks(prepared.kernel) });
        const etags = prepared.disks.map(({ etag }) => etag ?? null);
        this.#record.remember({ createdMs: nowMs(), request, etags, ahead: false, ...(hijack && { hijack }) });
        await this.#kept.setAlarm();
        return this.#info();
      });
    }

    info(): Promise<Outcome<SessionInfo>> {
      return outcome(async () => this.#info());
    }

    run(batch: WholeBatch): Promise<Outcome<WholeAnswer>> {
      return this.#turns.take(() =>
        this.#kept.using(async (live) => {
          const answer = await runBatch(live, batch, this.#kept.setup, () => this.#kept.flushed());
          const obstacle = await this.#kept.commitFlushed(live);
          return { ...answer, ...(obstacle !== undefined && { obstacle }), ...this.#record.tell() };
        }),
      );
    }

    openPath(path: Uint8Array, wanted: WantedPath): Promise<Outcome<FoundPath>> {
      // The answer is there once the file is open; the turn is over once it was read.
      const { promise, resolve, reject } = Promise.withResolvers<Outcome<FoundPath>>();
      const begin = (value: FoundPath) => resolve({ value });
      const turn = this.#turns.take(() =>
        this.#exchanging((live, exchange) => sendPath(live, path, wanted, exchange, begin)),
      );
      turn.then(resolve, reject);
      return promise;
    }

    saveFile(file: FileBody): Promise<Outcome<Told & { readonly created: boolean }>> {
      return this.#turns.take(() =>
        this.#exchanging(async (live, exchange) => {
          const created = await takeFile(live, file, exchange);
          const obstacle = await this.#kept.commitFlushed(live);
          if (obstacle !== undefined) throw new HostError('not-suspendable', `written, but not for good: ${obstacle}`);
          return { created, ...exchange.tell() };
        }),
      );
    }

    suspend(): Promise<Outcome<SessionInfo>> {
      return this.#turns.take(async () => {
        this.#record.alive();
        await this.#kept.mustRest();
        return this.#info();
      });
    }

    fork(name: string): Promise<Outcome<SessionInfo>> {
      return this.#turns.take(async () => {
        await this.#kept.wake(); // one that was never stored is stored now
        await this.#kept.mustRest();
        const copy = this.env.SESSIONS.getByName(name) as unknown as SessionRpc;
        return valueIn(await copy.adopt(this.#record.parts()));
      });
    }

    adopt(parts: Parts): Promise<Outcome<SessionInfo>> {
      return this.#turns.take(async () => {
        this.#record.adopt(parts);
        await this.#kept.setAlarm();
        return this.#info();
      });
    }

    console(): Promise<Outcome<string>> {
      return this.#turns.take(async () => this.#kept.texts().console);
    }

    strace(): Promise<Outcome<string>> {
      return this.#turns.take(async () => this.#kept.texts().strace);
    }

    destroy(): Promise<Outcome<null>> {
      return outcome(async () => {
        await this.#forget();
        return null;
      });
    }

    /** Nobody called for a while, or its time is over. */
    override async alarm(): Promise<void> {
      this.#alarm.rang();
      // The end of its time waits for nothing: neither for a turn nor for whatever the kernel is doing.
      if (this.#record.expired) return this.#forget();
      if (this.#turns.count > 0) return this.#kept.setAlarm();
      try {
        await this.#turns.take(async () => {
          if (this.#record.meta) await this.#kept.rest();
        });
      } finally {
        // Whatever went wrong: without an alarm it would stay for ever.
        if (this.#record.meta) await this.#kept.setAlarm();
      }
    }

    /** Bytes between the kernel and a client: neither holds the other up for good. */
    #exchanging<T>(action: (live: Live, exchange: Exchange) => Promise<T>): Promise<T> {
      const { host } = this.#kept.setup;
      const tell = () => this.#record.tell();
      return this.#kept.using((live) => watched(live.kernel, host, (waitFor) => action(live, { host, waitFor, tell })));
    }

    /** All of it goes, whatever the kernel is doing. */
    async #forget(): Promise<void> {
      this.#kept.drop();
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
    }

    #info(): SessionInfo {
      return infoOf(this.#record.known(), this.#kept.inMemory, this.#kept.obstacle);
    }
  };
}
