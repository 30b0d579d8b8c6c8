/** The world outside of a session's user network: the platform's own connections, as far as its owner lets sessions out. */

import { parseIp } from '../../../abi/netlink/inet.ts';
import type { Host } from '../../../kernel/host.ts';
import type { ByteStream } from '../../../network/sockets/byte-stream.ts';
import { type Outside, OutsideError } from '../../../network/user/outside.ts';
import type { Reach } from '../../../network/user/reach.ts';

/** What is needed of a platform's Socket. */
export interface OutsideSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): Promise<unknown>;
}

export interface OutsideNeeds {
  readonly reach: Reach;
  readonly host: Pick<Host, 'timer'>;
  readonly connect: (to: { hostname: string; port: number }, options: { allowHalfOpen: true }) => OutsideSocket;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Where names are asked for (RFC 8484). */
  readonly resolver: string;
}

/** The platform has six connections open at a time, and lets others wait: one is kept for names, and for images. */
const MOST_CONNECTIONS = 5;
const CONNECT_MS = 20_000;
const RESOLVE_MS = 10_000;
/** Questions at a time, and the longest: what a resolver of a program asks is far below both. Others get no answer, as on a busy network. */
const MOST_QUESTIONS = 16;
const MOST_QUESTION_BYTES = 4096;
/** A message of DNS. */
const MOST_ANSWER_BYTES = 65_535;

export function workerOutside({ reach, host, connect, fetch, resolver }: OutsideNeeds): Outside {
  let open = 0;
  let questions = 0;
  return {
    async tcp(address, port) {
      const refusal = reach.refusal(parseIp(address) ?? new Uint8Array(4), port);
      if (refusal !== undefined) throw new OutsideError('forbidden', refusal);
      // Who asks again, as TCP does, gets it once another has ended.
      if (open >= MOST_CONNECTIONS) throw new OutsideError('timeout', `${MOST_CONNECTIONS} connections are open`);
      open++;
      let over = false;
      const ended = () => {
        if (!over) open--;
        over = true;
      };
      try {
        const hostname = address.includes(':') ? `[${address}]` : address;
        const socket = connect({ hostname, port }, { allowHalfOpen: true });
        socket.closed.then(ended, ended);
        await openedSoon(socket, host);
        return streamOf(socket, ended);
      } catch (cause) {
        ended();
        if (cause instanceof OutsideError) throw cause;
        throw new OutsideError('refused', cause instanceof Error ? cause.message : String(cause), { cause });
      }
    },
    async resolve(query) {
      if (questions >= MOST_QUESTIONS || query.length > MOST_QUESTION_BYTES) return undefined;
      questions++;
      const controller = new AbortController();
      const cancel = host.timer(RESOLVE_MS, () => controller.abort());
      try {
        const response = await fetch(resolver, {
          method: 'POST',
          headers: { 'content-type': 'application/dns-message', accept: 'application/dns-message' },
          body: query.slice(),
          signal: controller.signal,
        });
        const isAnswer = response.ok && response.headers.get('content-type')?.startsWith('application/dns-message');
        if (!isAnswer) {
          await response.body?.cancel();
          return undefined;
        }
        const answer = new Uint8Array(await response.arrayBuffer());
        return answer.length <= MOST_ANSWER_BYTES ? answer : undefined;
      } finally {
        cancel();
        questions--;
      }
    },
  };
}

async function openedSoon(socket: OutsideSocket, host: Pick<Host, 'timer'>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const cancel = host.timer(CONNECT_MS, () => late.reject(new OutsideError('timeout', 'no answer')));
  try {
    await Promise.race([socket.opened, late.promise]);
  } catch (cause) {
    socket.close().catch(() => {});
    throw cause;
  } finally {
    cancel();
  }
}

function streamOf(socket: OutsideSocket, ended: () => void): ByteStream {
  const reader = socket.readable.getReader();
  const writer = socket.writable.getWriter();
  writer.closed.catch(() => {}); // whoever writes is told
  return {
    async read() {
      const { value, done } = await reader.read();
      return done ? undefined : value;
    },
    write: (bytes) => writer.write(bytes.slice()),
    end: () => writer.close(),
    async abort() {
      ended();
      // It alone: streams that are cancelled or aborted before keep the connection open in workerd.
      await socket.close().catch(() => {});
    },
  };
}
