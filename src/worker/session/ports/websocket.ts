/** A WebSocket of a client joined to one of a server in a session. */

import { toBase64 } from '../../../bytes/base64.ts';
import type { Host } from '../../../kernel/host.ts';
import type { Header } from '../../../network/http/message.ts';
import type { StreamReader } from '../../../network/http/reader.ts';
import {
  MOST_MESSAGE_BYTES,
  NO_STATUS,
  WebSocketClient,
  type WebSocketMessage,
} from '../../../network/http/websocket.ts';
import type { PortConnection } from './ports.ts';

/** What a message costs that waits, beside its bytes: it may have none. */
const MESSAGE_BYTES = 512;
/** RFC 6455 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const GOING_AWAY = 1001;
const BROKEN = 1011;
const TOO_BIG = 1009;
/** Codes that say why there was none, and are never sent. */
const UNSENT: ReadonlySet<number> = new Set([1004, NO_STATUS, 1006, 1015]);

/** What asks a server for a WebSocket, and whether what it answers is the consent. */
export async function handshake(host: Pick<Host, 'entropy'>): Promise<{
  readonly headers: readonly Header[];
  readonly accepts: (answer: string) => boolean;
}> {
  const nonce = new Uint8Array(16);
  host.entropy(nonce);
  const key = toBase64(nonce);
  const hash = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(key + GUID));
  const expected = toBase64(new Uint8Array(hash));
  return {
    headers: [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', key],
    ],
    accepts: (answer) => answer === expected,
  };
}

/** Messages both ways until either closes; `close` is called then. */
export function bridge(
  socket: WebSocket,
  { stream }: Pick<PortConnection, 'stream'>,
  reader: StreamReader,
  host: Pick<Host, 'entropy'>,
  close: () => void,
): void {
  const server = new WebSocketClient(stream, reader, (into) => host.entropy(into));
  let last = Promise.resolve();
  let waiting = 0;
  let open = true;
  const end = (code: number, reason: string) => {
    if (!open) return;
    open = false;
    socket.close(UNSENT.has(code) || code < 1000 || code > 4999 ? 1000 : code, reason.slice(0, 100));
    close();
  };
  const send = (message: WebSocketMessage, bytes: number) => {
    waiting += bytes + MESSAGE_BYTES;
    if (waiting > MOST_MESSAGE_BYTES) return end(TOO_BIG, 'the server in the session takes nothing');
    last = last.then(async () => {
      await server.send(message);
      waiting -= bytes + MESSAGE_BYTES;
    });
    last.catch(() => end(BROKEN, 'the server in the session hung up'));
  };
  socket.binaryType = 'arraybuffer';
  socket.accept();
  socket.addEventListener('message', ({ data }) => {
    if (!open) return;
    if (typeof data === 'string') send({ type: 'text', text: data }, data.length);
    else send({ type: 'binary', bytes: new Uint8Array(data) }, data.byteLength);
  });
  socket.addEventListener('close', ({ code, reason }) => {
    const said = last.then(() => server.send({ type: 'close', code: UNSENT.has(code) ? NO_STATUS : code, reason }));
    said.catch(() => {}).then(() => end(code, reason));
  });
  socket.addEventListener('error', () => end(GOING_AWAY, ''));
  const relay = async (): Promise<void> => {
    // What the server does by itself takes the kernel's time; with the virtual clock none passes for that.
    for (;;) {
      const message = await server.receive();
      if (!message) return end(BROKEN, 'the server in the session hung up');
      if (message.type === 'close') {
        await server.send(message).catch(() => {});
        return end(message.code, message.reason);
      }
      if (!open) return;
      socket.send(message.type === 'text' ? message.text : message.bytes.slice().buffer);
      if (socket.bufferedAmount > MOST_MESSAGE_BYTES) return end(TOO_BIG, 'what is sent is not taken');
    }
  };
  relay().catch(() => end(BROKEN, 'the server in the session broke off'));
}
