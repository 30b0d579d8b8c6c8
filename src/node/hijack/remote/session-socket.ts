/** The WebSocket of a session: batches and their answers, in order, and results of tasks as they come. */

import { KernelDead } from '../../../kernel/errors.ts';
import { isOpened } from '../../net/opened-socket.ts';

/** A call of the batch language. */
export interface RemoteCall {
  readonly call: string;
  readonly args: readonly unknown[];
  readonly as?: string;
}

export interface RemoteResult {
  readonly ret: number | null;
  readonly out?: unknown;
}

export interface RemoteBatch {
  readonly calls?: readonly RemoteCall[];
  readonly tasks?: Readonly<Record<string, object>>;
}

export interface RemoteAnswer {
  readonly results?: readonly RemoteResult[];
  readonly tasks?: Readonly<
    Record<string, { readonly pid: number; readonly results: readonly RemoteResult[]; readonly failed?: string }>
  >;
}

interface Message extends RemoteAnswer {
  readonly event?: { readonly task: string; readonly result: RemoteResult };
  readonly problem?: { readonly title?: string; readonly detail?: string };
}

/** A session takes so many at a time. */
const MOST_WAITING = 48;

export class SessionSocket {
  readonly #socket: WebSocket;
  /** Told of each result of a task, in their order. */
  readonly #told: (task: string, result: RemoteResult) => void;
  readonly #waiting: PromiseWithResolvers<RemoteAnswer>[] = [];
  readonly #unsent: (() => void)[] = [];
  readonly #deaths: ((dead: KernelDead) => void)[] = [];
  #dead: KernelDead | undefined;

  private constructor(socket: WebSocket, told: (task: string, result: RemoteResult) => void) {
    this.#socket = socket;
    this.#told = told;
    socket.addEventListener('message', ({ data }) => this.#message(JSON.parse(String(data))));
    socket.addEventListener('close', ({ reason }) => this.#end(reason || 'its WebSocket was closed'));
    socket.addEventListener('error', () => this.#end('its WebSocket broke off'));
  }

  /** Rejects with an `Error` where there is no such session, or it does not let anybody in. */
  static async open(
    url: URL,
    headers: Readonly<Record<string, string>>,
    told: (task: string, result: RemoteResult) => void,
  ): Promise<SessionSocket> {
    const socket = new WebSocket(url, { headers } as unknown as string[]); // as Node has it
    if (!(await isOpened(socket))) throw new Error(`${url.host} did not open the WebSocket of this session`);
    return new SessionSocket(socket, told);
  }

  onDeath(then: (dead: KernelDead) => void): void {
    if (this.#dead) then(this.#dead);
    else this.#deaths.push(then);
  }

  /** Rejects with `KernelDead` when the session ends before its answer, and with an `Error` for what it refuses. */
  ask(batch: RemoteBatch): Promise<RemoteAnswer> {
    if (this.#dead) return Promise.reject(this.#dead);
    const waits = Promise.withResolvers<RemoteAnswer>();
    const send = () => {
      this.#waiting.push(waits);
      this.#socket.send(JSON.stringify({ on_error: 'continue', ...batch }));
    };
    if (this.#waiting.length < MOST_WAITING) send();
    else this.#unsent.push(send);
    return waits.promise;
  }

  close(): void {
    this.#deaths.length = 0;
    this.#socket.close();
  }

  #message(message: Message): void {
    if (message.event) {
      this.#told(message.event.task, message.event.result);
      return;
    }
    const waits = this.#waiting.shift();
    const { problem } = message;
    if (problem) waits?.reject(new Error(problem.detail ?? problem.title ?? 'the session refuses'));
    else {
      for (const [task, { results }] of Object.entries(message.tasks ?? {}))
        for (const result of results) this.#told(task, result);
      waits?.resolve(message);
    }
    this.#unsent.shift()?.();
  }

  #end(why: string): void {
    if (this.#dead) return;
    const dead = new KernelDead('lost', `the session is out of reach: ${why}`, '');
    this.#dead = dead;
    for (const { reject } of this.#waiting.splice(0)) reject(dead);
    for (const then of this.#deaths.splice(0)) then(dead);
  }
}
