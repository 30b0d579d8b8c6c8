/** Bytes from and to a client, which holds the session up meanwhile: it has to keep going. */

import type { Sink } from '../../archive/chunk-writer.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Host } from '../../kernel/host.ts';
import type { WaitFor } from './watched.ts';

/** The others wait: a client that neither sends nor takes anything for so long is given up. */
const STALL_MS = 30_000;

/** Rejects with `body-interrupted` when the body breaks off. `waitFor` is told of every wait for the client. */
export async function* bytesOf(
  body: ReadableStream<Uint8Array> | null,
  host: Host,
  waitFor: WaitFor,
): AsyncGenerator<Uint8Array, void, void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await waitFor(beforeStall(reader.read(), host)).catch((cause: unknown) => {
        throw new HostError('body-interrupted', undefined, { cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    // A client that still sends would not see the answer.
    await waitFor(beforeStall(drain(reader), host)).catch(() => {});
    await reader.cancel().catch(() => {}); // there may be nobody left to tell
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

/** Runs `send` into `writable`, and closes it; when that fails or the client is gone, the client sees the stream break off. */
export async function sendTo(
  writable: WritableStream<Uint8Array>,
  host: Host,
  waitFor: WaitFor,
  send: (sink: Sink) => Promise<void>,
): Promise<void> {
  const writer = writable.getWriter();
  try {
    await send((chunk) => waitFor(beforeStall(writer.write(chunk), host)));
    await waitFor(beforeStall(writer.close(), host));
  } catch (cause) {
    await writer.abort(cause).catch(() => {}); // there may be nobody left to tell
    throw cause;
  }
}

function beforeStall<T>(step: Promise<T>, host: Host): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = host.timer(STALL_MS, () => reject(new Error(`the client did nothing for ${STALL_MS} ms`)));
  return Promise.race([step, promise]).finally(cancel);
}
