/** The frames of a WebSocket as a client sends and takes them (RFC 6455). */

import { concat } from '../../bytes/concat.ts';
import { Gathered } from '../../bytes/gathered.ts';
import type { ByteStream } from '../sockets/byte-stream.ts';
import { ProtocolError, type StreamReader } from './reader.ts';

export type WebSocketMessage =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'binary'; readonly bytes: Uint8Array }
  | { readonly type: 'close'; readonly code: number; readonly reason: string };

const OP = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const MASKED = 0x80;
const RESERVED = 0x70;
/** A close without a code. */
export const NO_STATUS = 1005;

/** As much as Workers let a message be. */
export const MOST_MESSAGE_BYTES = 32 * 2 ** 20;

/** A connection that has gone over to WebSocket. `mask` fills with random bytes. */
export class WebSocketClient {
  readonly #stream: Pick<ByteStream, 'write'>;
  readonly #reader: StreamReader;
  readonly #mask: (into: Uint8Array) => void;

  constructor(stream: Pick<ByteStream, 'write'>, reader: StreamReader, mask: (into: Uint8Array) => void) {
    this.#stream = stream;
    this.#reader = reader;
    this.#mask = mask;
  }

  send(message: WebSocketMessage): Promise<void> {
    switch (message.type) {
      case 'text':
        return this.#frame(OP.text, new TextEncoder().encode(message.text));
      case 'binary':
        return this.#frame(OP.binary, message.bytes);
      case 'close': {
        if (message.code === NO_STATUS) return this.#frame(OP.close, new Uint8Array(0));
        const code = Uint8Array.of(message.code >> 8, message.code & 0xff);
        return this.#frame(OP.close, concat([code, new TextEncoder().encode(message.reason).subarray(0, 123)]));
      }
    }
  }

  /** The next message; pings are answered on the way. After `close` there is none. Undefined: it hung up. */
  async receive(): Promise<WebSocketMessage | undefined> {
    const message = new Gathered();
    let type: number | undefined;
    let total = 0;
    for (;;) {
      const head = await this.#reader.exactly(2);
      if (!head) return undefined;
      const [first = 0, second = 0] = head;
      const operation = first & 0x0f;
      if (first & RESERVED || second & MASKED) throw new ProtocolError('a frame has bits that a server does not set');
      const length = await this.#length(second & 0x7f);
      const isControl = operation >= OP.close;
      if (isControl && (length > 125 || !(first & FIN))) throw new ProtocolError('a control frame is too long');
      total += isControl ? 0 : length;
      if (total > MOST_MESSAGE_BYTES) throw new ProtocolError(`a message has more than ${MOST_MESSAGE_BYTES} bytes`);
      const payload = length === 0 ? new Uint8Array(0) : await this.#reader.exactly(length);
      if (!payload) throw new ProtocolError('it broke off in a frame');
      if (operation === OP.ping) await this.#frame(OP.pong, payload);
      else if (operation === OP.close) return closeOf(payload);
      else if (operation !== OP.pong) {
        if (operation > OP.binary || (operation === OP.more) !== (type !== undefined))
          throw new ProtocolError('a frame is none that may come here');
        type ??= operation;
        message.add(payload);
        if (first & FIN) return messageOf(type, message.take());
      }
    }
  }

  async #length(short: number): Promise<number> {
    if (short < 126) return short;
    const bytes = await this.#reader.exactly(short === 126 ? 2 : 8);
    if (!bytes) throw new ProtocolError('it broke off in a frame');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = short === 126 ? view.getUint16(0) : Number(view.getBigUint64(0));
    if (length > MOST_MESSAGE_BYTES) throw new ProtocolError(`a message has more than ${MOST_MESSAGE_BYTES} bytes`);
    return length;
  }

  #frame(operation: number, payload: Uint8Array): Promise<void> {
    const extra = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
    const frame = new Uint8Array(2 + extra + 4 + payload.length);
    const view = new DataView(frame.buffer);
    frame[0] = FIN | operation;
    frame[1] = MASKED | (extra === 0 ? payload.length : extra === 2 ? 126 : 127);
    if (extra === 2) view.setUint16(2, payload.length);
    if (extra === 8) view.setBigUint64(2, BigInt(payload.length));
    const mask = frame.subarray(2 + extra, 6 + extra);
    this.#mask(mask);
    const at = 6 + extra;
    for (let i = 0; i < payload.length; i++) frame[at + i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
    return this.#stream.write(frame);
  }
}

function closeOf(payload: Uint8Array): WebSocketMessage {
  if (payload.length < 2) return { type: 'close', code: NO_STATUS, reason: '' };
  const code = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  return { type: 'close', code, reason: new TextDecoder().decode(payload.subarray(2)) };
}

function messageOf(type: number, bytes: Uint8Array): WebSocketMessage {
  if (type === OP.binary) return { type: 'binary', bytes };
  return { type: 'text', text: new TextDecoder().decode(bytes) };
}
