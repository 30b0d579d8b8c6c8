/** The Durable Object of a session, as the runtime calls it. What it does is in object/session-object.ts. */

import { connect } from 'cloudflare:sockets';
import { DurableObject } from 'cloudflare:workers';
import type { TaskListener } from '../../batch/kept/kept-tasks.ts';
import type { SetupNeeds } from '../../batch/kernel-setup.ts';
import type { ProgramEnd } from '../../kernel/program/run/run.ts';
import type { Toolbox } from '../../tools/toolbox.ts';
import type { WantedRange } from '../../tree/byte-range.ts';
import type { Bindings } from '../env.ts';
import type { SessionMeter } from '../limits/session-meter.ts';
import { Attended } from './attended.ts';
import { cableRequest, cableTo } from './interfaces/cable.ts';
import { openUserNetwork } from './interfaces/user.ts';
import type { TerminalRun } from './object/programs.ts';
import { SessionObject } from './object/session-object.ts';
import type { SessionNeeds } from './object/waking.ts';
import { portAnswer, portRequest } from './ports/request.ts';
import type {
  FileBody,
  InterfaceRequest,
  Outcome,
  ProgramCall,
  SessionRequest,
  SessionRpc,
  WantedPath,
  WholeAnswer,
  WholeBatch,
} from './rpc.ts';
import type { Parts } from './store.ts';

/** What a WebSocket of a session is served with. */
export interface Served {
  run(batch: WholeBatch): Promise<Outcome<WholeAnswer>>;
  /** Runs a program in a terminal. Rejects when it cannot begin, or the session is over. */
  terminal(run: TerminalRun): Promise<ProgramEnd>;
  /** Hears of each result of a kept task that no batch waits for. Answers how to end that. */
  listen(listener: TaskListener): () => void;
}

export interface SessionClassNeeds extends Omit<SessionNeeds, 'setup'> {
  setup(bindings: Bindings, signal: AbortSignal): SetupNeeds;
  /** Counts what kernels work for. */
  meter(bindings: Bindings): SessionMeter;
  toolbox(): Promise<Toolbox>;
  /** Whether somebody waits for memory that a kernel holds. */
  isWanted(): boolean;
  /** Whether a principal is let in now. */
  isLetIn(bindings: Bindings, principal: string): Promise<boolean>;
  /** Speaks with the client of a WebSocket, until either closes it. `url` is what was asked for. */
  serve(socket: WebSocket, url: URL, session: Served): void;
}

/** The class for the runtime, with what it needs of the world. */
export function sessionClass({ setup, serve, toolbox, meter, isLetIn, ...needs }: SessionClassNeeds) {
  return class Session extends DurableObject<Bindings> implements SessionRpc {
    readonly #object: SessionObject;
    readonly #attended: Attended;

    constructor(state: DurableObjectState, bindings: Bindings) {
      super(state, bindings);
      this.#object = new SessionObject({
        ...needs,
        storage: state.storage,
        toolbox,
        ended: () => this.#attended.end(),
        setup: (signal) => setup(bindings, signal),
        meter: meter(bindings),
        other: (name) => bindings.SESSIONS.getByName(name) as unknown as SessionRpc,
        userNetwork: (own) => openUserNetwork(bindings, own, { connect, fetch: (url, init) => fetch(url, init) }),
        cable: (to, host) => cableTo(bindings.SESSIONS.getByName(to.object), to.interface, host),
      });
      this.#attended = new Attended({
        isLetIn: async () => {
          const { owner } = this.#object;
          return owner === undefined || isLetIn(bindings, owner);
        },
        openPorts: () => this.#object.openPorts,
        closePorts: () => this.#object.closePorts(),
      });
    }

    /** A WebSocket ends here, beside the kernel: no message of it passes another boundary. So does what a server in it is asked. */
    override async fetch(request: Request): Promise<Response> {
      const asked = portRequest(request);
      if (asked) {
        const answer = portAnswer(await this.#object.port(asked));
        if (answer.webSocket) this.#attended.attend();
        return answer;
      }
      const cable = cableRequest(request);
      if (cable !== undefined) return this.#plugged(cable);
      const { 0: client, 1: server } = new WebSocketPair();
      serve(server, new URL(request.url), this.#object);
      this.#attended.attend(server);
      return new Response(null, { status: 101, webSocket: client });
    }

    async #plugged(cable: string): Promise<Response> {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      this.#attended.attend(server);
      const plugged = await this.#object.plug(cable, server);
      return 'problem' in plugged ? portAnswer(plugged) : new Response(null, { status: 101, webSocket: client });
    }

    override alarm = () => this.#object.alarm();

    create(request: SessionRequest, secrets?: readonly Uint8Array[]) {
      return this.#object.create(request, secrets);
    }
    info() {
      return this.#object.info();
    }
    run(batch: WholeBatch) {
      return this.#object.run(batch);
    }
    exec(call: ProgramCall) {
      return this.#object.exec(call);
    }
    suspend() {
      return this.#object.suspend();
    }
    fork(name: string) {
      return this.#object.fork(name);
    }
    adopt(parts: Parts) {
      return this.#object.adopt(parts);
    }
    console() {
      return this.#object.console();
    }
    strace() {
      return this.#object.strace();
    }
    interfaces() {
      return this.#object.interfaces();
    }
    addInterface(request: InterfaceRequest) {
      return this.#object.addInterface(request);
    }
    removeInterface(name: string) {
      return this.#object.removeInterface(name);
    }
    openPath(path: Uint8Array, wanted: WantedPath) {
      return this.#object.openPath(path, wanted);
    }
    openDisk(name: string, wanted: WantedRange | undefined) {
      return this.#object.openDisk(name, wanted);
    }
    saveFile(file: FileBody) {
      return this.#object.saveFile(file);
    }
    destroy() {
      return this.#object.destroy();
    }
  };
}
