/** WebSockets of a session, and what is connected to its ports: open only as long as its owner is let in. */

export interface AttendedNeeds {
  /** Whether the owner is let in now. Rejects where that cannot be found out: then he is. */
  isLetIn(): Promise<boolean>;
  /** Connections to its ports that are open. */
  openPorts(): number;
  closePorts(): void;
}

/** As long as an isolate remembers a token. */
const LOOK_MS = 5_000;
const LAST_WORDS_MS = 200;
/** RFC 6455 7.4.1 */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

export class Attended {
  readonly #needs: AttendedNeeds;
  readonly #sockets = new Set<WebSocket>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(needs: AttendedNeeds) {
    this.#needs = needs;
  }

  /** The session's end of a WebSocket; nothing: a connection to a port was opened. */
  attend(socket?: WebSocket): void {
    if (socket) {
      this.#sockets.add(socket);
      for (const end of ['close', 'error'] as const) socket.addEventListener(end, () => this.#sockets.delete(socket));
    }
    this.#timer ??= setInterval(() => void this.#look().catch(() => {}), LOOK_MS);
  }

  /** The session is over. A terminal says so by itself, and why; the others are closed a moment later. */
  end(): void {
    setTimeout(() => this.#closeAll(GOING_AWAY, 'the session is over'), LAST_WORDS_MS);
  }

  #closeAll(code: number, reason: string): void {
    for (const socket of this.#sockets) socket.close(code, reason);
    this.#sockets.clear();
    this.#needs.closePorts();
  }

  async #look(): Promise<void> {
    if (this.#sockets.size === 0 && this.#needs.openPorts() === 0) {
      if (this.#timer !== undefined) clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (await this.#needs.isLetIn()) return;
    this.#closeAll(POLICY_VIOLATION, 'whose session it is, is let in no more');
  }
}
