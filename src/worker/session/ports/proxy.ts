/** A request that a client sends to a port of a session, and the server's answer. */

import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import { exchange, type HttpAnswer } from '../../../network/http/message.ts';
import { ProtocolError } from '../../../network/http/reader.ts';
import { toClient, toServer } from './headers.ts';
import type { PortConnection, Ports } from './ports.ts';
import { bridge, handshake } from './websocket.ts';

export interface PortRequest {
  readonly request: Request;
  readonly port: number;
  /** What of the path is the server's, as it was sent: `/`… */
  readonly target: string;
  /** What of it was ours. */
  readonly prefix: string;
}

/** A server that does not begin to answer for so long is given up. */
const ANSWER_MS = 100_000;
const NO_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Rejects with `no-listener`, `bad-port-answer`, `program-too-long` or `program-deadlock`. `ended` is called when the connection is over. */
export async function proxied(
  ports: Pick<Ports, 'connect'>,
  asked: PortRequest,
  host: Host,
  ended: () => void,
): Promise<Response> {
  const { request, port } = asked;
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => {}); // whoever waits for it hears it
  const connection = await ports.connect(port, () =>
    given.reject(
      new HostError('program-deadlock', 'the server waits for what neither time nor another task will bring'),
    ),
  );
  const close = () => void connection.close().then(ended, ended);
  const cancel = host.timer(ANSWER_MS, () =>
    given.reject(new HostError('program-too-long', `the server did not answer in ${ANSWER_MS / 1000} s`)),
  );
  try {
    const isUpgrade = request.headers.get('upgrade')?.toLowerCase() === 'websocket';
    const answering = isUpgrade ? upgraded(connection, asked, host, close) : answered(connection, asked, close);
    answering.catch(() => {}); // it may lose the race, and fail later
    return await Promise.race([answering, given.promise]);
  } catch (cause) {
    close();
    if (cause instanceof HostError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostError('bad-port-answer', `port ${port}: ${why}`, { cause });
  } finally {
    cancel();
  }
}

async function answered(connection: PortConnection, asked: PortRequest, close: () => void): Promise<Response> {
  const { request, port, target, prefix } = asked;
  const length = request.headers.get('content-length');
  const time = passing(connection);
  time.pass();
  const answer = await exchange(connection.stream, {
    method: request.method,
    target,
    headers: [...toServer(request.headers, new URL(request.url), port, prefix), ['Connection', 'close']],
    ...(request.body && { body: chunksOf(request.body, time), ...(length !== null && { length: Number(length) }) }),
  });
  const headers = toClient(answer.headers, prefix, port);
  const { status, reason: statusText, body } = answer;
  if (status === 101) throw new ProtocolError('it went over to another protocol unasked');
  if (!body || NO_BODY.has(status)) {
    close();
    return new Response(null, { status, statusText, headers });
  }
  return new Response(streamOf(body, time, close), { status, statusText, headers });
}

async function upgraded(
  connection: PortConnection,
  asked: PortRequest,
  host: Host,
  close: () => void,
): Promise<Response> {
  const { request, port, target, prefix } = asked;
  const time = passing(connection);
  time.pass();
  const { headers: own, accepts } = await handshake(host);
  const wanted = request.headers.get('sec-websocket-protocol');
  const answer = await exchange(connection.stream, {
    method: 'GET',
    target,
    headers: [
      ...toServer(request.headers, new URL(request.url), port, prefix),
      ...own,
      ...(wanted === null ? [] : [['Sec-WebSocket-Protocol', wanted] as const]),
    ],
  });
  time.stop();
  if (answer.status !== 101) return refusal(answer, asked, time, close);
  const headers = new Headers(answer.headers.map(([name, value]) => [name, value]));
  if (!accepts(headers.get('sec-websocket-accept') ?? ''))
    throw new ProtocolError('it did not accept the WebSocket that was asked for');
  const { 0: client, 1: server } = new WebSocketPair();
  bridge(server, connection, answer.reader, host, close);
  const chosen = headers.get('sec-websocket-protocol');
  return new Response(null, {
    status: 101,
    webSocket: client,
    ...(chosen !== null && { headers: { 'sec-websocket-protocol': chosen } }),
  });
}

/** The server answers with what is no WebSocket: that is its answer. */
function refusal(answer: HttpAnswer, { port, prefix }: PortRequest, time: Passing, close: () => void): Response {
  const headers = toClient(answer.headers, prefix, port);
  const { status, reason: statusText, body } = answer;
  if (body && !NO_BODY.has(status)) return new Response(streamOf(body, time, close), { status, statusText, headers });
  close();
  return new Response(null, { status, statusText, headers });
}

/** Virtual time passes for the server while it works, and not while the client is waited for. */
interface Passing {
  pass(): void;
  stop(): void;
}

function passing({ letTimePass }: PortConnection): Passing {
  let end: (() => void) | undefined;
  return {
    pass: () => {
      end ??= letTimePass();
    },
    stop: () => {
      end?.();
      end = undefined;
    },
  };
}

async function* chunksOf(body: ReadableStream<Uint8Array>, time: Passing): AsyncGenerator<Uint8Array, void, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      time.stop();
      const { value, done } = await reader.read();
      time.pass();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // there may be nobody left to tell
  }
}

function streamOf(
  body: AsyncGenerator<Uint8Array, void, void>,
  time: Passing,
  close: () => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        time.pass();
        const { value, done } = await body.next();
        time.stop();
        if (value) controller.enqueue(value.slice());
        if (!done) return;
        close();
        controller.close();
      } catch (cause) {
        close();
        controller.error(cause);
      }
    },
    cancel: close,
  });
}
