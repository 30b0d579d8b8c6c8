/** A terminal over a WebSocket: binary messages are what is typed and shown, text messages are JSON about it. */

import { z } from '@hono/zod-openapi';
import { SIGKILL } from '../../../abi/uapi/wait.ts';
import { Gathered } from '../../../bytes/gathered.ts';
import type { RunningProgram } from '../../../kernel/program/run/run.ts';
import type { Hold } from '../../bodies/budget.ts';
import type { Served } from '../../session/session.ts';
import { parsed, validated } from '../answers/ndjson.ts';
import { documentOfThrown } from '../problem.ts';
import { terminalQuery } from './schema.ts';

/** Of what was typed and not read yet. */
const MAX_TYPED_BYTES = 2 ** 20;
/** Of what is on its way to the client: more waits, and so does the program. */
const MAX_UNSENT_BYTES = 2 ** 20;
/** Messages about it that may wait until those before them are done, and characters of one. */
const MAX_WAITING = 1000;
const MAX_CONTROL_CHARS = 1000;
const LOOK_MS = 20;
/** One that does not take a hangup for its end is ended. */
const HANGUP_MS = 2000;
const SIGHUP = 1;

/** RFC 6455 7.4.1 */
const NORMAL = 1000;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
/** Of the registry that RFC 6455 began. */
const TRY_AGAIN_LATER = 1013;

const size = z.strictObject({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) });
const control = z.union([
  z.strictObject({ resize: size }),
  z.strictObject({ signal: z.int().min(1).max(64) }),
  z.strictObject({ end: z.literal(true) }),
]);

/** Bytes that were typed, until somebody reads them. */
class Typed {
  readonly #bytes = new Gathered();
  #over = false;
  #wake: () => void = () => {};

  /** False: too much of it waits. */
  add(piece: Uint8Array): boolean {
    if (this.#bytes.length + piece.length > MAX_TYPED_BYTES) return false;
    this.#bytes.add(piece);
    this.#wake();
    return true;
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  readonly read = async (): Promise<Uint8Array | undefined> => {
    while (this.#bytes.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#bytes.length > 0 ? this.#bytes.take() : undefined;
  };
}

/** Until the program ends, which closes the socket, or the socket is closed, which is a hangup to the program. */
export function serveTerminal(
  socket: WebSocket,
  url: URL,
  session: Served,
  memory: Pick<Hold, 'tryTake' | 'release'>,
): void {
  const typed = new Typed();
  let open = true;
  let program: RunningProgram | undefined;
  const kill = (signal: number) => void program?.kill(signal).catch(() => {});
  const hangUp = () => {
    if (!open) return;
    open = false;
    typed.end();
    kill(SIGHUP);
    setTimeout(() => kill(SIGKILL), HANGUP_MS);
  };
  const close = (code: number, reason: string) => {
    if (!open) return;
    hangUp();
    socket.close(code, reason);
  };
  const say = (message: unknown) => {
    if (!open) return;
    socket.send(JSON.stringify(message));
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) close(POLICY_VIOLATION, 'what is said is not taken');
  };
  const obey = async (data: string) => {
    try {
      const message = parsed(control, 'message', data);
      if ('resize' in message) await program?.resize(message.resize);
      else if ('signal' in message) await program?.kill(message.signal);
      else typed.end();
    } catch (cause) {
      say({ problem: documentOfThrown(cause) });
    }
  };
  let last = Promise.resolve();
  let waiting = 0;
  const hear = (data: string | ArrayBuffer) => {
    if (!open) return;
    if (typeof data !== 'string') {
      if (!typed.add(new Uint8Array(data))) close(POLICY_VIOLATION, 'more is typed than is read');
      return;
    }
    if (++waiting > MAX_WAITING || data.length > MAX_CONTROL_CHARS) {
      close(POLICY_VIOLATION, 'more is said than is done');
      return;
    }
    last = last.then(async () => {
      if (open) await obey(data);
      waiting--;
    });
  };
  /** The program waits while the client takes nothing. */
  const shown = async (bytes: Uint8Array): Promise<void> => {
    if (open) socket.send(bytes);
    while (open && socket.bufferedAmount > MAX_UNSENT_BYTES) await scheduler.wait(LOOK_MS);
  };
  const run = async () => {
    try {
      const { argv, columns, rows, cwd } = validated(terminalQuery, 'query', queryOf(url));
      const end = await session.terminal({
        argv,
        cwd,
        size: { columns, rows },
        typed: typed.read,
        shown,
        started(begun) {
          program = begun;
          if (!open) kill(SIGHUP);
        },
      });
      program = undefined;
      say({
        exit: {
          ...(end.exitCode !== undefined && { exit_code: end.exitCode }),
          ...(end.signal !== undefined && { signal: end.signal }),
        },
      });
      close(NORMAL, 'it has ended');
    } catch (cause) {
      program = undefined;
      say({ problem: documentOfThrown(cause) });
      close(INTERNAL_ERROR, 'it cannot go on');
    } finally {
      memory.release();
    }
  };
  socket.binaryType = 'arraybuffer';
  socket.accept();
  socket.addEventListener('close', () => close(NORMAL, 'bye'));
  socket.addEventListener('error', hangUp);
  socket.addEventListener('message', ({ data }) => hear(data));
  if (memory.tryTake(MAX_TYPED_BYTES)) void run();
  else close(TRY_AGAIN_LATER, 'all memory for bodies is in use: try again shortly');
}

/** Repeated members are lists. */
function queryOf({ searchParams }: URL): Record<string, unknown> {
  const names = [...new Set(searchParams.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const all = searchParams.getAll(name);
      return [name, all.length === 1 ? all[0] : all];
    }),
  );
}
