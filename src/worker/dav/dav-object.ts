/** What an image's Durable Object does for WebDAV: one mount while clients ask, and what they change kept until it is a version. */

import { isReading } from '../../dav/handler.ts';
import { type Lock, Locks } from '../../dav/locks.ts';
import { HostError } from '../../errors/host-error.ts';
import { KernelDead } from '../../kernel/errors.ts';
import { received } from '../bodies/received.ts';
import { imageNotFound } from '../images/images.ts';
import type { SessionMeter } from '../limits/session-meter.ts';
import { type Mount, type MountNeeds, openToRead, openToWrite } from './mount.ts';
import { Notes } from './notes.ts';
import { type DavTarget, davTarget, PRINCIPAL } from './target.ts';
import { WriteLog } from './write-log.ts';

/** What was changed is a version so long after the last change, and so long after the first at the latest. */
const CALM_MS = 2_000;
const LATEST_MS = 10_000;
/** Without a request for so long, it is unmounted. The host may drop an idle object after ten seconds. */
const IDLE_MS = 5_000;
/** A mount that nobody uses at the moment goes before that where its memory is wanted: looked at so often. */
const LOOK_MS = 300;
/** After a failure of storage it is tried again. */
const AGAIN_MS = 5_000;
/** Looked at so often whether somebody else has written the image. */
const FRESH_MS = 1_000;
/** A writer's own life is longer, but has an end. */
const MOUNT_LIFE_MS = 3_600_000;
/** Whoever wants the image otherwise mounted waits so long for those who use it. */
const PATIENCE_MS = 10_000;

type ForCaller = Omit<MountNeeds, 'log' | 'locks' | 'nowMs' | 'pause' | 'uniqueName'>;

export interface DavObjectNeeds extends Pick<MountNeeds, 'nowMs' | 'pause' | 'uniqueName'> {
  readonly storage: DurableObjectStorage;
  /** What mounting takes, for who asks first; nobody: what was left is made a version. */
  mounting(principal: string | undefined): ForCaller;
  readonly meter: SessionMeter;
  /** Whether somebody waits for memory that a mount holds. */
  readonly isWanted: () => boolean;
  /** Takes what goes wrong while nobody asks. */
  readonly log: (error: unknown) => void;
}

export class DavObject {
  readonly #needs: DavObjectNeeds;
  readonly #log: WriteLog;
  readonly #locks: Locks;
  #mount: Mount | undefined;
  #uses = 0;
  #unused: PromiseWithResolvers<void> | undefined;
  #usedMs = 0;
  #checkedMs = 0;
  #changedMs: { first: number; last: number } | undefined;
  #alarmMs: number | undefined;
  #isLooking = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(needs: DavObjectNeeds) {
    const { storage, nowMs, uniqueName } = needs;
    const notes = new Notes(storage.sql);
    this.#needs = needs;
    this.#log = new WriteLog(storage, notes);
    this.#locks = new Locks({
      nowMs,
      newToken: () => `urn:uuid:${uniqueName()}`,
      kept: notes.get<Lock[]>('locks') ?? [],
      changed: (all) => notes.put('locks', all),
    });
  }

  async answer(request: Request): Promise<Response> {
    const target = davTarget(new URL(request.url).pathname);
    if (target === undefined) throw imageNotFound('');
    const principal = request.headers.get(PRINCIPAL) ?? undefined;
    const isWrite = !isReading(request.method);
    const mount = await this.#inTurn(() => this.#use(target, isWrite, principal));
    let response: Response;
    try {
      response = await this.#needs.meter.metered(principal, async () => {
        const answer = await mount.handle(keptGoing(request));
        if (isWrite) await mount.keep();
        return answer;
      });
    } catch (cause) {
      // What was kept is in the log: the next who asks has it mounted anew.
      if (cause instanceof KernelDead) mount.status.isBroken = true;
      await this.#leave(mount);
      throw cause;
    }
    // Of what is refused nobody has taken the body.
    if (request.body && !request.bodyUsed) await request.body.cancel().catch(() => {});
    if (isWrite && response.status >= 500) mount.status.isBroken ||= response.status !== 507;
    if (mount.status.isUnsaved) this.#noteChange();
    if (response.body === null) {
      await this.#leave(mount);
      return response;
    }
    return new Response(
      whenEnded(response.body, () => this.#leave(mount)),
      response,
    );
  }

  /** What was changed is a version, for who is about to write the image another way; and it is unmounted unless it is used. */
  rest(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#wakeForLog();
      if (this.#uses === 0) await this.#end();
      else if (this.#mount?.status.isUnsaved) await this.#mount.save();
    });
  }

  async alarm(): Promise<void> {
    this.#alarmMs = undefined;
    const { nowMs, log } = this.#needs;
    try {
      await this.#inTurn(() => this.#wakeForLog());
      const mount = this.#mount;
      const { first = 0, last = 0 } = this.#changedMs ?? {};
      if (mount?.status.isUnsaved && nowMs() >= Math.min(last + CALM_MS, first + LATEST_MS)) {
        this.#changedMs = undefined;
        await mount.save();
      }
      await this.#inTurn(async () => {
        if (this.#uses === 0 && nowMs() >= this.#usedMs + IDLE_MS) await this.#end();
      });
    } catch (cause) {
      log(cause);
      if (this.#mount?.status.isUnsaved) this.#changedMs = { first: nowMs() + AGAIN_MS, last: nowMs() + AGAIN_MS };
    }
    await this.#setAlarm();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** The mount to ask, counted as used. */
  async #use(target: DavTarget, isWrite: boolean, principal: string | undefined): Promise<Mount> {
    const { nowMs } = this.#needs;
    if (this.#mount && !(await this.#serves(this.#mount, target, isWrite, principal))) await this.#end();
    this.#mount ??= await this.#open(target, isWrite, principal);
    this.#uses++;
    this.#usedMs = nowMs();
    return this.#mount;
  }

  async #serves(mount: Mount, target: DavTarget, isWrite: boolean, principal: string | undefined): Promise<boolean> {
    const nowMs = this.#needs.nowMs();
    if (mount.status.isBroken || mount.partition !== target.partition || (isWrite && !mount.isWritable)) return false;
    if (this.#uses === 0 && nowMs > mount.sinceMs + MOUNT_LIFE_MS) return false;
    if (mount.status.isUnsaved || nowMs < this.#checkedMs + FRESH_MS) return true;
    const found = await this.#needs.mounting(principal).images.head(target.image);
    this.#checkedMs = nowMs;
    if (found?.etag === mount.status.etag) return true;
    // Nothing of it is to be kept.
    mount.status.isBroken = true;
    return false;
  }

  async #open(target: DavTarget, isWrite: boolean, principal: string | undefined): Promise<Mount> {
    const { nowMs, pause, uniqueName, mounting } = this.#needs;
    const needs = { ...mounting(principal), log: this.#log, locks: this.#locks, nowMs, pause, uniqueName };
    // What is in the log alone is to be seen, too.
    const kept = this.#log.base;
    if (kept && kept.partition !== target.partition) {
      await (await openToWrite({ ...target, partition: kept.partition }, needs)).close();
      return this.#open(target, isWrite, principal);
    }
    const mount = await (isWrite || kept ? openToWrite : openToRead)(target, needs);
    this.#checkedMs = nowMs();
    return mount;
  }

  async #wakeForLog(): Promise<void> {
    const { base } = this.#log;
    if (this.#mount || !base) return;
    const { image, partition } = base;
    this.#mount = await this.#open({ image, partition, prefix: `/dav/${image}/` }, true, undefined);
  }

  /** Once nobody uses it any more: unmounted, and what was changed is a version. */
  async #end(): Promise<void> {
    const mount = this.#mount;
    if (!mount) return;
    if (mount.status.isBroken) {
      this.#mount = undefined;
      this.#uses = 0;
      return mount.abandon();
    }
    if (this.#uses > 0) {
      this.#unused ??= Promise.withResolvers();
      const isFree = await Promise.race([
        this.#unused.promise.then(() => true),
        this.#needs.pause(PATIENCE_MS).then(() => false),
      ]);
      if (!isFree) throw new HostError('kernel-busy', 'others use the image, as it is mounted now');
    }
    this.#mount = undefined;
    this.#changedMs = undefined;
    await mount.close();
  }

  async #leave(mount: Mount): Promise<void> {
    // One that was let go of is counted no more.
    if (mount === this.#mount) {
      this.#usedMs = this.#needs.nowMs();
      if (--this.#uses === 0) {
        this.#unused?.resolve();
        this.#unused = undefined;
        this.#look().catch(this.#needs.log);
      }
    }
    await this.#setAlarm();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { pause, isWanted } = this.#needs;
    try {
      while (this.#mount && this.#uses === 0) {
        await pause(LOOK_MS);
        if (!isWanted()) continue;
        await this.#inTurn(async () => {
          if (this.#uses === 0) await this.#end();
        });
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #noteChange(): void {
    const last = this.#needs.nowMs();
    this.#changedMs = { first: this.#changedMs?.first ?? last, last };
  }

  /** Each time is a write: one that comes too early sets the next. */
  async #setAlarm(): Promise<void> {
    if (!this.#mount && this.#log.base === undefined) return;
    const idleMs = this.#usedMs + IDLE_MS;
    const { first, last } = this.#changedMs ?? {};
    const dueMs = first === undefined || last === undefined ? idleMs : Math.min(last + CALM_MS, first + LATEST_MS);
    if (this.#alarmMs !== undefined && this.#alarmMs <= dueMs) return;
    this.#alarmMs = dueMs;
    await this.#needs.storage.setAlarm(dueMs);
  }
}

/** Its body rejects with `body-interrupted` and `client-too-slow`. */
function keptGoing(request: Request): Request {
  const { body } = request;
  if (body === null) return request;
  const pieces = received(body);
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await pieces.return()),
    },
    { highWaterMark: 0 },
  );
  return new Request(request, { body: stream });
}

/** The same bytes; `then` runs once, when they have ended or nobody wants them. */
function whenEnded(body: ReadableStream<Uint8Array>, then: () => Promise<void>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (cause) {
          controller.error(cause);
        }
        await then();
      },
      async cancel(reason) {
        await reader.cancel(reason).catch(() => {});
        await then();
      },
    },
    { highWaterMark: 0 },
  );
}
