/** Requests as bytes on a socket of our own, so that it can be cut at any of them. */

import { connect, type Socket } from 'node:net';
import { mulberry32 } from '../mulberry32.ts';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export function wireBytes({ method, path, headers = {}, body }: WireRequest): Buffer {
  const content = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const all: Record<string, string> = { host: 'localhost', connection: 'close', ...headers };
  if (body !== undefined && !('transfer-encoding' in all)) all['content-length'] ??= String(content.length);
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`), content]);
}

const OPCODES = { text: 0x81, binary: 0x82 } as const;

/** A message as a client's frame: masked, by zeros (RFC 6455 5.2). */
export function frame(message: Uint8Array | string, type: keyof typeof OPCODES = 'text'): Buffer {
  const payload = Buffer.from(message);
  const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([OPCODES[type], ...length, 0, 0, 0, 0]), payload]);
}

export function connected(url: URL): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(Number(url.port), url.hostname, () => resolve(socket));
  socket.on('error', reject); // later ones are those of a socket that we cut
  return promise;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers from 0 to below 1: the same for the same seed. */
export function randomFrom(seed: number): () => number {
  const next = mulberry32(seed);
  return () => next() / 2 ** 32;
}
