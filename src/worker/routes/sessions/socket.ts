/** A WebSocket that is sent batches and answers each, in order, with credit: who sends on without waiting is let go. */

import type { Hold } from '../../bodies/budget.ts';
import { MAX_JSON_BYTES } from '../../bodies/json.ts';

/** Messages that may wait for their answers, and bytes of them. */
const MAX_WAITING = 64;
const MAX_WAITING_BYTES = MAX_JSON_BYTES;
/** Answers that the client has not taken yet. */
const MAX_UNSENT_BYTES = MAX_JSON_BYTES;

/** RFC 6455 7.4.1 */
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
const INTERNAL_ERROR = 1011;
/** Of the registry that RFC 6455 began. */
const TRY_AGAIN_LATER = 1013;

export interface Serving {
  /** Sends a message that answers none. Answers whether it was sent. */
  push(message: unknown): boolean;
  /** Calls `then` once the socket is closed. */
  closed(then: () => void): void;
}

/** What waits counts as `memory`, which is released when the socket is closed. */
export function serveBatches(
  socket: WebSocket,
  answer: (message: string) => Promise<unknown>,
  memory: Pick<Hold, 'tryTake' | 'give' | 'release'>,
): Serving {
  let last = Promise.resolve();
  let waiting = 0;
  let waitingBytes = 0;
  let open = true;
  const ends: (() => void)[] = [];
  const end = () => {
    open = false;
    memory.release();
    for (const then of ends.splice(0)) then();
  };
  const close = (code: number, reason: string) => {
    if (!open) return;
    end();
    socket.close(code, reason);
  };
  socket.binaryType = 'arraybuffer';
  socket.accept();
  socket.addEventListener('close', () => close(1000, 'bye'));
  socket.addEventListener('error', end);
  socket.addEventListener('message', ({ data }) => {
    if (!open) return;
    const bytes = typeof data === 'string' ? data.length : data.byteLength;
    if (bytes > MAX_JSON_BYTES) return close(TOO_BIG, `a message has at most ${MAX_JSON_BYTES} bytes`);
    waiting++;
    waitingBytes += bytes;
    if (waiting > MAX_WAITING || waitingBytes > MAX_WAITING_BYTES) {
      return close(POLICY_VIOLATION, `at most ${MAX_WAITING} messages wait for their answers: take those first`);
    }
    if (!memory.tryTake(bytes)) return close(TRY_AGAIN_LATER, 'all memory for bodies is in use: try again shortly');
    last = last.then(async () => {
      // One that has gone is not played for.
      if (!open) return;
      const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
      const answered = JSON.stringify(await answer(text));
      waiting--;
      waitingBytes -= bytes;
      memory.give(bytes);
      if (!open) return;
      socket.send(answered);
      if (socket.bufferedAmount > MAX_UNSENT_BYTES) close(POLICY_VIOLATION, 'answers are not taken');
    });
    last.catch(() => close(INTERNAL_ERROR, 'it cannot go on'));
  });
  return {
    push(message) {
      if (!open) return false;
      socket.send(JSON.stringify(message));
      if (socket.bufferedAmount > MAX_UNSENT_BYTES) close(POLICY_VIOLATION, 'what is sent is not taken');
      return true;
    },
    closed(then) {
      if (open) ends.push(then);
      else then();
    },
  };
}
