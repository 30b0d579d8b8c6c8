/** What a session's Durable Object does: one live kernel, calls one after another, suspended when nobody calls. */

import type { TaskListener } from '../../../batch/kept/kept-tasks.ts';
import type { SetupNeeds } from '../../../batch/kernel-setup.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';
import type { ProgramEnd } from '../../../kernel/program/run/run.ts';
import type { UserNetwork } from '../../../network/user/user.ts';
import type { Toolbox } from '../../../tools/toolbox.ts';
import type { WantedRange } from '../../../tree/byte-range.ts';
import type { SessionMeter } from '../../limits/session-meter.ts';
import type { InterfaceInfo } from '../interfaces/interfaces.ts';
import type { Ports } from '../ports/ports.ts';
import { type PortRequest, proxied } from '../ports/proxy.ts';
import {
  type AddedInterface,
  type FileBody,
  type FoundDisk,
  type FoundPath,
  type InterfaceRequest,
  type Outcome,
  outcome,
  type ProgramAnswer,
  type ProgramCall,
  type SessionInfo,
  type SessionRequest,
  type SessionRpc,
  type Told,
  valueIn,
  type WantedPath,
  type WholeAnswer,
  type WholeBatch,
} from '../rpc.ts';
import { type Parts, SessionStore } from '../store.ts';
import { StraceTail } from '../strace-tail.ts';
import type { WaitFor } from '../watched.ts';
import { Alarm } from './alarm.ts';
import { runBatch } from './batches.ts';
import { sendDisk } from './disks.ts';
import { Durability } from './durability.ts';
import { EarlyRest } from './early-rest.ts';
import { errand } from './errand.ts';
import { type Exchange, sendPath, takeFile } from './files.ts';
import { infoOf } from './lifecycle.ts';
import { ProgramTime } from './program-time.ts';
import { beginTerminal, execProgram, type TerminalRun } from './programs.ts';
import { SessionRecord } from './record.ts';
import { sharedTimer } from './shared-timer.ts';
import { Turns } from './turns.ts';
import { type Live, made, type SessionNeeds } from './waking.ts';

/** What a session's object needs of the runtime. */
export interface ObjectNeeds extends Omit<SessionNeeds, 'setup'> {
  readonly storage: DurableObjectStorage;
  /** Aborted when the session is over: kernels made until then are killed. */
  setup(signal: AbortSignal): SetupNeeds;
  readonly meter: SessionMeter;
  /** Whether somebody waits for memory that a kernel holds. */
  isWanted(): boolean;
  /** Told when the session is over. */
  ended(): void;
  /** The programs that it can run. */
  toolbox(): Promise<Toolbox>;
  /** Another session, by the name of its object. */
  other(name: string): Pick<SessionRpc, 'adopt'>;
  /** A cable to an interface of another session. Rejects with `interface-not-found` and `interface-busy`. */
  cable(to: NonNullable<InterfaceRequest['link']>, host: Host): Promise<WebSocket>;
  /** A network that reaches the world. Rejects with `forbidden`. */
  userNetwork(needs: Pick<SetupNeeds, 'newKernel' | 'host'>): Promise<UserNetwork>;
}

export class SessionObject implements SessionRpc {
  readonly #needs: ObjectNeeds;
  readonly #over = new AbortController();
  readonly #turns = new Turns(() => void this.#early.used());
  readonly #early: EarlyRest;
  readonly #record: SessionRecord;
  readonly #alarm: Alarm;
  readonly #kept: Durability;
  readonly #listeners = new Set<TaskListener>();
  readonly #programTime: ProgramTime;
  /** Requests under way whose time is counted. */
  #counted = 0;

  constructor(needs: ObjectNeeds) {
    const { storage, nowMs } = needs;
    const setup = needs.setup(this.#over.signal);
    this.#needs = needs;
    this.#record = new SessionRecord(new SessionStore(storage), nowMs);
    this.#alarm = new Alarm(storage, nowMs);
    this.#kept = new Durability({
      ...needs,
      record: this.#record,
      alarm: this.#alarm,
      setup: { ...setup, host: sharedTimer(setup.host) },
      over: this.#over.signal,
      told: (name, result) => [...this.#listeners].reduce((taken, listen) => listen(name, result) || taken, false),
    });
    this.#programTime = new ProgramTime({
      host: setup.host,
      meter: needs.meter,
      owner: () => this.owner,
      isCounted: () => this.#counted > 0,
    });
    this.#early = new EarlyRest({
      isWanted: needs.isWanted,
      pause: setup.host.pause,
      isUnused: () => this.#turns.count === 0 && this.#kept.inMemory,
      rest: () => this.#rest(),
    });
  }

  /** Its time is the owner's. Rejects with `over-quota`. */
  async #metered<T>(work: () => Promise<T>): Promise<T> {
    return this.#needs.meter.metered(this.#record.known().request.owner, async () => {
      this.#counted++;
      try {
        return await work();
      } finally {
        this.#counted--;
      }
    });
  }

  /** Hears of each result of a kept task that no batch waits for. Answers how to end that. */
  listen(listener: TaskListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  create(request: SessionRequest, secrets?: readonly Uint8Array[]): Promise<Outcome<SessionInfo>> {
    return this.#turns.take(async () => {
      const { prepared, hijack } = await made(request, this.#kept.setup, { secrets });
      const { kernel } = prepared;
      this.#kept.mustGoOn(kernel); // whoever asked for it may be gone by now
      const tasks = this.#kept.tasksOf(kernel);
      this.#kept.own({ ...prepared, strace: new StraceTail(), tasks, ...this.#kept.networkOf(kernel) });
      const etags = prepared.disks.map(({ etag }) => etag ?? null);
      const createdMs = this.#needs.nowMs();
      const { holdsKeys = false } = prepared;
      this.#record.remember({
        createdMs,
        request,
        etags,
        ahead: false,
        ...(hijack && { hijack }),
        ...(holdsKeys && { holdsKeys }),
      });
      await this.#kept.setAlarm();
      return this.#info();
    });
  }

  info(): Promise<Outcome<SessionInfo>> {
    return outcome(async () => this.#info());
  }

  run(batch: WholeBatch): Promise<Outcome<WholeAnswer>> {
    return this.#turns.take(() => this.#metered(() => this.#kept.using((live) => this.#ran(live, batch))));
  }

  async #ran(live: Live, batch: WholeBatch): Promise<WholeAnswer> {
    const answer = await runBatch(live, batch, this.#kept.setup, () => this.#kept.flushed());
    const obstacle = await this.#kept.commitFlushed(live);
    return { ...answer, ...(obstacle !== undefined && { obstacle }), ...this.#record.tell() };
  }

  /** The answer of a server in it. A turn is taken to connect, and no longer: batches are played meanwhile. */
  port(asked: PortRequest): Promise<Outcome<Response>> {
    const connect: Ports['connect'] = async (...to) =>
      valueIn(await this.#turns.take(() => this.#kept.using((live) => live.ports.connect(...to))));
    const answer = () => proxied({ connect }, asked, this.#kept.setup.host, () => this.#calm());
    return outcome(() => this.#metered(answer));
  }

  exec(call: ProgramCall): Promise<Outcome<ProgramAnswer>> {
    const run = () =>
      this.#kept.using(async (live) => {
        const { toolbox } = this.#needs;
        const answer = await execProgram(live.kernel, call, toolbox, this.#kept.setup.host);
        if (answer.running.length > 0) this.#programTime.watch(live.kernel);
        const obstacle = await this.#kept.commitFlushed(live);
        return { ...answer, ...(obstacle !== undefined && { obstacle }), ...this.#record.tell() };
      });
    return this.#turns.take(() => this.#metered(run));
  }

  /** Turns are taken for its beginning and its end: others have theirs meanwhile. */
  async terminal(run: TerminalRun): Promise<ProgramEnd> {
    const { toolbox } = this.#needs;
    const begin = () =>
      this.#kept.using(async (live) => ({
        kernel: live.kernel,
        begun: await beginTerminal(live.kernel, run, toolbox, this.#kept.setup.host),
      }));
    // What is typed takes no time: whoever has used up his minute begins none.
    const { kernel, begun } = valueIn(await this.#turns.take(() => this.#metered(begin)));
    this.#programTime.watch(kernel);
    try {
      return await begun.end;
    } finally {
      await this.#turns.take(async () => {
        if (!kernel.dead) await this.#kept.using(() => begun.finish());
      });
    }
  }

  interfaces(): Promise<Outcome<readonly InterfaceInfo[]>> {
    return this.#turns.take(() => this.#kept.using(async ({ interfaces }) => interfaces.list()));
  }

  addInterface({ link, user, dhcp, ...card }: InterfaceRequest): Promise<Outcome<AddedInterface>> {
    return this.#turns.take(() =>
      this.#kept.using(async ({ kernel, interfaces }) => {
        const { host } = this.#kept.setup;
        const { name } = await errand(kernel, host, (task) => interfaces.add(task, card));
        try {
          if (link)
            await interfaces.plug(name, await this.#needs.cable(link, this.#kept.setup.host), () => this.#calm());
          if (user) await interfaces.connect(name, await this.#needs.userNetwork(this.#kept.setup));
          const asking = (task: HostedTask, waitFor: WaitFor) =>
            interfaces.dhcp(task, name, () => waitFor(Promise.resolve()));
          const lease = dhcp ? await errand(kernel, host, asking) : undefined;
          return { ...interfaces.get(name), ...(lease && { lease }) };
        } catch (cause) {
          await errand(kernel, host, (task) => interfaces.remove(task, name));
          throw cause;
        }
      }),
    );
  }

  removeInterface(name: string): Promise<Outcome<null>> {
    return this.#turns.take(() =>
      this.#kept.using(async ({ kernel, interfaces }) => {
        await errand(kernel, this.#kept.setup.host, (task) => interfaces.remove(task, name));
        return null;
      }),
    );
  }

  /** Puts a cable into an interface: the socket is the one end of it. */
  plug(name: string, socket: WebSocket): Promise<Outcome<null>> {
    return this.#turns.take(() =>
      this.#kept.using(async ({ interfaces }) => {
        await interfaces.plug(name, socket, () => this.#calm());
        return null;
      }),
    );
  }

  get owner(): string | undefined {
    return this.#record.meta?.request.owner;
  }

  /** Connections to its ports that are open. */
  get openPorts(): number {
    return this.#kept.ports?.open ?? 0;
  }

  closePorts(): void {
    this.#kept.ports?.closeAll();
  }

  /** Something ended that kept the session from being stored. */
  #calm(): void {
    this.#kept.setAlarm().catch(() => {});
  }

  openPath(path: Uint8Array, wanted: WantedPath): Promise<Outcome<FoundPath>> {
    // The answer is there once the file is open; the turn is over once it was read.
    const { promise, resolve, reject } = Promise.withResolvers<Outcome<FoundPath>>();
    const begin = (value: FoundPath) => resolve({ value });
    const turn = this.#turns.take(() => this.#exchanging((_, exchange) => sendPath(path, wanted, exchange, begin)));
    turn.then(resolve, reject);
    return promise;
  }

  openDisk(name: string, wanted: WantedRange | undefined): Promise<Outcome<FoundDisk>> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome<FoundDisk>>();
    const begin = (value: FoundDisk) => resolve({ value });
    const turn = this.#turns.take(() =>
      this.#exchanging((live, exchange) => sendDisk(live, name, wanted, exchange, begin)),
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
      return valueIn(await this.#needs.other(name).adopt(this.#record.parts()));
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
  async alarm(): Promise<void> {
    this.#alarm.rang();
    // The end of its time waits for nothing: neither for a turn nor for whatever the kernel is doing.
    if (this.#record.expired) return this.#forget();
    if (this.#turns.count > 0) return this.#kept.setAlarm();
    try {
      await this.#rest();
    } finally {
      // Whatever went wrong: without an alarm it would stay for ever.
      if (this.#record.meta) await this.#kept.setAlarm();
    }
  }

  #rest(): Promise<Outcome<void>> {
    return this.#turns.take(async () => {
      if (this.#record.meta) await this.#kept.rest();
    });
  }

  /** Bytes between the kernel and a client: neither holds the other up for good. */
  #exchanging<T>(action: (live: Live, exchange: Exchange) => Promise<T>): Promise<T> {
    const { host } = this.#kept.setup;
    const tell = () => this.#record.tell();
    return this.#kept.using((live) =>
      errand(live.kernel, host, (task, waitFor) => action(live, { host, task, waitFor, tell })),
    );
  }

  /** All of it goes, whatever the kernel is doing. */
  async #forget(): Promise<void> {
    this.#over.abort(new HostError('session-not-found'));
    await this.#kept.drop();
    this.#needs.ended();
    await this.#needs.storage.deleteAlarm();
    await this.#needs.storage.deleteAll();
  }

  #info(): SessionInfo {
    return infoOf(this.#record.known(), this.#kept.inMemory, this.#kept.obstacle);
  }
}
