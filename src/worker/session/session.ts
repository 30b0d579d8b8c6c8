/** The Durable Object that owns one live kernel: calls one after another, suspended when nobody calls. */

import { DurableObject } from 'cloudflare:workers';
import type { Sink } from '../../archive/chunk-writer.ts';
import {
  type AttachedDisk,
  devicesOf,
  type PreparedKernel,
  prepareKernel,
  type SetupNeeds,
} from '../../batch/kernel-setup.ts';
import type { ResultSink } from '../../batch/player.ts';
import { ResultKeeper } from '../../batch/result-keeper.ts';
import { type BatchReport, playTimed } from '../../batch/syscall-batch.ts';
import { HostError } from '../../errors/host-error.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { KernelPool } from '../../kernel/pool/pool.ts';
import { seededHost } from '../../kernel/seed.ts';
import { NotQuiesced } from '../../kernel/snapshot.ts';
import { goOn, type SuspendNeeds, suspend } from '../../kernel/suspend.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { rangeOf } from '../../tree/byte-range.ts';
import { openPath } from '../../tree/files.ts';
import { saveFile } from '../../tree/save-file.ts';
import type { Bindings } from '../env.ts';
import { callNames, isFlush, unfinished } from './batch-calls.ts';
import { bytesOf, sendTo } from './client-stream.ts';
import { hijackKernel, readHijack } from './hijack.ts';
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
import { fillUpper, partsOf, suspendedOf, type Texts, textIn, textParts } from './saved.ts';
import { fromJson, type Parts, SessionStore, toJson } from './store.ts';
import { StraceTail } from './strace-tail.ts';
import { type WaitFor, watched } from './watched.ts';

export interface SessionNeeds {
  readonly kernels: Pick<KernelPool, 'resume' | 'cleanMemory'>;
  /** Of the kernel that `kernels` have. */
  readonly buildId: string;
  setup(bindings: Bindings): SetupNeeds;
  nowMs(): number;
}

/** Without a call for so long, a session is suspended. The host may drop an idle object after ten seconds. */
const IDLE_MS = 4_000;
/** The alarm that does so comes up to so much earlier. */
const ALARM_STEP_MS = 1_000;

/** A client waits for what is flushed: as long as kswapd sleeps, and a little. */
const COMMIT_PATIENCE_NS = 300_000_000n;

const ROOT = '/';

/** What is stored beside the kernel. */
interface Meta {
  readonly createdMs: number;
  readonly request: SessionRequest;
  /** Of the images, as they were at first; null for an inline one. */
  readonly etags: readonly (string | null)[];
  /** It was used since it was last stored, or made when it never was. */
  readonly ahead: boolean;
  readonly hijack?: SessionInfo['hijack'];
  readonly suspended?: NonNullable<SessionInfo['suspended']>;
  readonly rolledBack?: { readonly toMs: number; readonly told: boolean };
  /** How its kernel died. */
  readonly ended?: { readonly end: string; readonly detail: string; readonly console: string };
}

interface Live extends PreparedKernel {
  readonly strace: StraceTail;
}

/** The class for the runtime, with what it needs of the world. */
export function sessionClass({ kernels, buildId, setup, nowMs }: SessionNeeds) {
  return class Session extends DurableObject<Bindings> implements SessionRpc {
    readonly #store: SessionStore;
    readonly #needs: SetupNeeds;
    #live: Live | undefined;
    #meta: Meta | undefined;
    #obstacle: string | undefined;
    #tail: Promise<unknown> = Promise.resolve();
    /** Those that are under way or wait. */
    #turns = 0;
    #doomed = false;
    /** What the alarm is set to, as far as this instance knows. */
    #alarmMs: number | undefined;
    /** Something was flushed that has to last. */
    #flushed = false;

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      this.#store = new SessionStore(state.storage);
      this.#needs = {
        ...setup(bindings),
        flushed: () => {
          this.#flushed = true;
        },
      };
      const meta = this.#store.get('meta');
      this.#meta = meta && fromJson<Meta>(meta);
    }

    create(request: SessionRequest): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        const plan = request.hijack === undefined ? undefined : readHijack(request.hijack);
        const prepared = await prepareKernel(request, this.#needs);
        const hijack =
          plan &&
          (await hijackKernel(prepared.kernel.init, plan).catch((cause: unknown) => {
            prepared.kernel.kill();
            throw cause;
          }));
        this.#live = { ...prepared, strace: new StraceTail() };
        const etags = prepared.disks.map(({ etag }) => etag ?? null);
        this.#remember({ createdMs: nowMs(), request, etags, ahead: false, ...(hijack && { hijack }) });
        await this.#setAlarm();
        return this.#info();
      });
    }

    info(): Promise<Outcome<SessionInfo>> {
      return outcome(async () => this.#info());
    }

    run(batch: WholeBatch): Promise<Outcome<WholeAnswer>> {
      return this.#inTurn(() =>
        this.#using(async (live) => {
          const keeper = new ResultKeeper();
          const nextCall = callNames(batch);
          const note = (line: string, task?: string) => {
            live.strace.append(task === undefined ? line : `[${task}] ${line}`);
          };
          const sink: ResultSink = ({ strace, ...result }, task) => {
            const call = nextCall(task);
            if (strace !== undefined) note(strace, task);
            else if (result.exited) note(unfinished(call), task);
            if (isFlush(call, result)) this.#flushed = true;
            keeper.keep(batch.strace && strace !== undefined ? { ...result, strace } : result, task);
          };
          const playing = playTimed(live, { ...batch, strace: true }, sink, this.#needs);
          const report = await playing.catch((cause: unknown) => {
            for (const { call, task } of underWay(cause)) note(unfinished(call), task);
            throw keeper.explain(cause);
          });
          await reap(live.kernel.init, report);
          const obstacle = await this.#commitFlushed(live);
          const kept = { results: keeper.results, tasks: keeper.tasks };
          return { report, kept, ...(obstacle !== undefined && { obstacle }), ...this.#tell() };
        }),
      );
    }

    openPath(path: Uint8Array, wanted: WantedPath): Promise<Outcome<FoundPath>> {
      // The answer is there once the file is open; the turn is over once it was read.
      const { promise, resolve, reject } = Promise.withResolvers<Outcome<FoundPath>>();
      const turn = this.#inTurn(() =>
        this.#usingFile(async ({ kernel: { init } }, waitFor) => {
          const opened = await openPath(init, ROOT, path);
          try {
            if (opened.type === 'directory') {
              return { type: opened.type, ...(await opened.list(wanted.limit, wanted.after)), ...this.#tell() };
            }
            const sizeBytes = (await opened.isSized()) ? opened.sizeBytes : undefined;
            const range = wanted.range && sizeBytes !== undefined ? rangeOf(wanted.range, sizeBytes) : undefined;
            const { readable: body, writable } = new IdentityTransformStream();
            const sized = { ...(sizeBytes !== undefined && { sizeBytes }), ...(range && { range }) };
            const found: FoundPath = { type: opened.type, body, ...sized, ...this.#tell() };
            // Answered with its first bytes, or at its end: what cannot be read at all is still a problem then.
            const begin = () => resolve({ value: found });
            const { offset, length } = range ?? { offset: 0, length: sizeBytes };
            await sendTo(writable, this.#needs.host, waitFor, async (send) => {
              const sink: Sink = (chunk) => {
                begin();
                return send(chunk);
              };
              await (length === undefined ? opened.readAll(sink) : opened.read(offset, length, sink));
              begin();
            });
            return found;
          } finally {
            await opened.close();
          }
        }),
      );
      turn.then(resolve, reject);
      return promise;
    }

    saveFile({ path, mode, body }: FileBody): Promise<Outcome<Told & { readonly created: boolean }>> {
      return this.#inTurn(() =>
        this.#usingFile(async (live, waitFor) => {
          const bytes = bytesOf(body, this.#needs.host, waitFor);
          const { kernel } = live;
          const growableBytes = () => kernel.engine.memoryLimit - kernel.memoryBytes;
          const { created } = await saveFile(kernel.init, { path, mode, bytes, growableBytes });
          const obstacle = await this.#commitFlushed(live);
          if (obstacle !== undefined) throw new HostError('not-suspendable', `written, but not for good: ${obstacle}`);
          return { created, ...this.#tell() };
        }),
      );
    }

    suspend(): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#mustLive();
        await this.#mustRest();
        return this.#info();
      });
    }

    fork(name: string): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        await this.#wake(); // one that was never stored is stored now
        await this.#mustRest();
        const copy = this.env.SESSIONS.getByName(name) as unknown as SessionRpc;
        return valueIn(await copy.adopt(this.#store.all()));
      });
    }

    adopt(parts: Parts): Promise<Outcome<SessionInfo>> {
      return this.#inTurn(async () => {
        this.#store.replace(parts);
        const { rolledBack: _, ...meta } = fromJson<Meta>(parts.get('meta') ?? toJson(null));
        this.#remember({ ...meta, createdMs: nowMs() });
        await this.#setAlarm();
        return this.#info();
      });
    }

    console(): Promise<Outcome<string>> {
      return this.#inTurn(async () => this.#texts().console);
    }

    strace(): Promise<Outcome<string>> {
      return this.#inTurn(async () => this.#texts().strace);
    }

    destroy(): Promise<Outcome<null>> {
      return outcome(async () => {
        await this.#forget();
        return null;
      });
    }

    /** Nobody called for a while, or its time is over. */
    override async alarm(): Promise<void> {
      this.#alarmMs = undefined;
      // The end of its time waits for nothing: neither for a turn nor for whatever the kernel is doing.
      if (this.#isOver()) return this.#forget();
      if (this.#turns > 0) return this.#setAlarm();
      try {
        await this.#inTurn(async () => {
          if (this.#meta) await this.#rest();
        });
      } finally {
        // Whatever went wrong: without an alarm it would stay for ever.
        if (this.#meta) await this.#setAlarm();
      }
    }

    /** One after another, in the order in which they came. */
    #inTurn<T>(action: () => Promise<T>): Promise<Outcome<T>> {
      this.#turns++;
      const turn = this.#tail.then(() => outcome(action)).finally(() => this.#turns--);
      this.#tail = turn.catch(() => {});
      return turn;
    }

    #isOver(): boolean {
      return this.#meta !== undefined && nowMs() >= this.#meta.request.expiresMs;
    }

    #known(): Meta {
      if (this.#meta === undefined || this.#doomed || this.#isOver()) throw new HostError('session-not-found');
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
      if (this.#doomed) throw new HostError('session-not-found');
      this.#meta = meta;
      this.#store.put('meta', toJson(meta));
    }

    /** Do something with the kernel: what is stored is no longer all there is. */
    async #using<T>(action: (live: Live) => Promise<T>): Promise<T> {
      const live = await this.#wake();
      const meta = this.#known();
      if (!meta.ahead) this.#remember({ ...meta, ahead: true });
      this.#flushed = false;
      try {
        return await action(live);
      } finally {
        this.#buryDead(live);
        await this.#setAlarm();
      }
    }

    /** The same for what goes to or comes from a client. */
    #usingFile<T>(action: (live: Live, waitFor: WaitFor) => Promise<T>): Promise<T> {
      return this.#using((live) => watched(live.kernel, this.#needs.host, (waitFor) => action(live, waitFor)));
    }

    /** The kernel: as it is, or from where it was last stored, or made anew when it never was. */
    async #wake(): Promise<Live> {
      const meta = this.#mustLive();
      if (this.#live) return this.#live;
      const parts = this.#store.all();
      const prepared = parts.has('kernel') ? await this.#resumed(meta, parts) : await this.#remade(meta);
      this.#live = { ...prepared, strace: new StraceTail(textIn(parts.get('strace'))) };
      if (meta.ahead) {
        const toMs = meta.suspended?.atMs ?? meta.createdMs;
        this.#remember({ ...meta, ahead: false, rolledBack: { toMs, told: false } });
      }
      return this.#live;
    }

    async #remade({ request, etags }: Meta): Promise<PreparedKernel> {
      const prepared = await prepareKernel(request, this.#needs);
      try {
        mustBe(prepared.disks, etags);
        return prepared;
      } catch (cause) {
        prepared.kernel.kill();
        throw cause;
      }
    }

    async #resumed({ request, etags }: Meta, parts: Parts): Promise<PreparedKernel> {
      const suspended = suspendedOf(parts, buildId);
      if (!suspended) {
        this.#end({ end: 'halt', detail: 'it was made by another version of the kernel', console: '' });
        this.#mustLive();
        throw new HostError('session-ended');
      }
      const disks = await devicesOf(request.disks, this.#needs);
      mustBe(disks, etags);
      for (const [index, { upper }] of disks.entries()) if (upper) fillUpper(upper, parts, index);
      const { seed, clock, memoryMib } = request;
      // A seed decides the beginning alone: two copies of one session do not go on alike.
      const host = seed === undefined ? this.#needs.host : seededHost(this.#needs.host, `${seed} ${nowMs()}`);
      const devices = disks.map(({ device }) => device);
      const kernel = await kernels.resume(suspended, { host, clock, memoryMib, disks: devices });
      kernel.engine.console.append(parts.get('console') ?? new Uint8Array(0));
      return { kernel, disks };
    }

    /** Once. */
    #tell(): Told {
      const meta = this.#known();
      const { rolledBack } = meta;
      if (!rolledBack || rolledBack.told) return {};
      this.#remember({ ...meta, rolledBack: { ...rolledBack, told: true } });
      return { rolledBackToMs: rolledBack.toMs };
    }

    #texts(): Texts {
      this.#known();
      if (this.#live) return { console: this.#live.kernel.console, strace: this.#live.strace.text };
      const parts = this.#store.all();
      return { console: textIn(parts.get('console')), strace: textIn(parts.get('strace')) };
    }

    #buryDead(live: Live): void {
      const { dead } = live.kernel;
      if (!dead) return;
      const texts = { console: live.kernel.console, strace: live.strace.text };
      this.#live = undefined;
      this.#end({ end: dead.end, detail: dead.message, console: dead.console }, texts);
    }

    #end(ended: NonNullable<Meta['ended']>, texts = this.#texts()): void {
      const meta = { ...this.#known(), ended };
      this.#store.replace(new Map(textParts(texts)));
      this.#remember(meta);
    }

    /** Not at every batch, since each time is a write: one that is due up to a second too early is left as it is. */
    async #setAlarm(): Promise<void> {
      if (this.#doomed) return;
      const expiresMs = this.#meta?.request.expiresMs ?? 0;
      const dueMs = this.#live ? Math.min(nowMs() + IDLE_MS, expiresMs) : expiresMs;
      if (this.#alarmMs !== undefined && this.#alarmMs <= dueMs && this.#alarmMs > dueMs - ALARM_STEP_MS) return;
      await this.ctx.storage.setAlarm(dueMs);
      this.#alarmMs = dueMs;
    }

    /** What was flushed is there after a crash: with all else, for a kernel is stored whole. Answers why not. */
    async #commitFlushed(live: Live): Promise<string | undefined> {
      if (!this.#flushed || live.kernel.dead) return undefined;
      await this.#save(live, { patienceNs: COMMIT_PATIENCE_NS });
      if (this.#obstacle === undefined) await goOn(live.kernel);
      return this.#obstacle;
    }

    /** Store the kernel and let it go. */
    async #rest(): Promise<void> {
      const live = this.#live;
      if (live) {
        try {
          await this.#save(live);
          if (this.#obstacle === undefined) {
            this.#live = undefined;
            live.kernel.kill();
          }
        } finally {
          if (this.#live) this.#buryDead(live);
        }
      }
      await this.#setAlarm();
    }

    async #mustRest(): Promise<void> {
      await this.#rest();
      if (this.#obstacle !== undefined) throw new HostError('not-suspendable', this.#obstacle);
    }

    /** Afterwards the kernel is at rest, and stored; or there is an obstacle, and it goes on. */
    async #save(live: Live, patience: Pick<SuspendNeeds, 'patienceNs'> = {}): Promise<void> {
      const startMs = nowMs();
      const clean = () => kernels.cleanMemory;
      try {
        const suspended = await suspend(live.kernel, { clean, turn: this.#needs.host.turn, ...patience });
        const texts = { console: live.kernel.console, strace: live.strace.text };
        const parts = partsOf(suspended, buildId, live, texts);
        const bytes = [...parts.values()].reduce((sum, part) => sum + part.length, 0);
        const meta = { ...this.#known(), ahead: false, suspended: { atMs: nowMs(), tookMs: nowMs() - startMs, bytes } };
        this.#store.replace(parts.set('meta', toJson(meta)));
        this.#meta = meta;
        this.#obstacle = undefined;
      } catch (cause) {
        // A kernel that goes on is no worse for not having been stored, whatever its programs did to prevent that.
        const isObstacle = cause instanceof NotQuiesced || (cause instanceof KernelError && !live.kernel.dead);
        if (!isObstacle) throw cause;
        this.#obstacle = cause.message;
      }
    }

    /** All of it goes, whatever the kernel is doing: whoever waits for it hears that it is over. */
    async #forget(): Promise<void> {
      this.#doomed = true;
      this.#live?.kernel.kill('halt', 'the session is over');
      this.#live = undefined;
      this.#meta = undefined;
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
    }

    #info(): SessionInfo {
      const { createdMs, request, hijack, suspended, rolledBack, ended } = this.#known();
      const { expiresMs, memoryMib, clock } = request;
      return {
        state: ended ? 'ended' : this.#live ? 'running' : 'suspended',
        createdMs,
        expiresMs,
        memoryMib,
        clock,
        ...(hijack && { hijack }),
        ...(suspended && { suspended }),
        ...(this.#obstacle !== undefined && { obstacle: this.#obstacle }),
        ...(rolledBack && { rolledBackToMs: rolledBack.toMs }),
      };
    }
  };
}

const WNOHANG = 1;
const WALL = 0x4000_0000;

/** Nobody waits for the tasks of a batch once it is answered: its zombies would pile up. */
async function reap(init: UserTask, { stopped, tasks }: BatchReport): Promise<void> {
  if (stopped?.reason === 'exited') return; // pid 1 is no more
  for (const { pid } of Object.values(tasks)) await init.syscall('wait4', pid, 0, WNOHANG | WALL, 0);
}

/** Bytes of one version of an image and of another must not mix. */
function mustBe(disks: readonly AttachedDisk[], etags: readonly (string | null)[]): void {
  for (const [index, { etag = null, request }] of disks.entries()) {
    if (etag === etags[index]) continue;
    throw new HostError('session-image-changed', `image ${request.image} was replaced: it is ${etag} now`, {
      members: { image: request.image, etag: etags[index] },
    });
  }
}

/** The calls that were made when the kernel ended. */
function underWay(cause: unknown): readonly { readonly call: string; readonly task?: string }[] {
  const calls = cause instanceof HostError ? cause.members.under_way : undefined;
  return Array.isArray(calls) ? calls : [];
}
