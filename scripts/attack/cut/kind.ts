/** A kind of request that clients vanish from. */

import type { WireRequest } from '../wire.ts';

export interface Kind extends WireRequest {
  /** What the OpenAPI document calls it. */
  readonly operation: string;
  /** Frames of a client, once it is a WebSocket. */
  readonly frames?: readonly Uint8Array[];
}

export type Kinds = Readonly<Record<string, Kind>>;

const JSON_TYPE = { 'content-type': 'application/json' };
export const LINES = 'application/x-ndjson';
const BYTES = { 'content-type': 'application/octet-stream' };
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

export const json = (operation: string, path: string, body: unknown, method = 'POST'): Kind => ({
  operation,
  method,
  path,
  headers: JSON_TYPE,
  body: JSON.stringify(body),
});

/** The same, its answer as JSON lines. */
export const asLines = (kind: Kind): Kind => ({ ...kind, headers: { ...kind.headers, accept: LINES } });

export const plain = (operation: string, path: string, method = 'GET'): Kind => ({ operation, method, path });

export const sent = (operation: string, path: string, body: Uint8Array, method = 'PUT'): Kind => ({
  operation,
  method,
  path,
  headers: BYTES,
  body,
});

export const socket = (operation: string, path: string, frames: readonly Uint8Array[]): Kind => ({
  operation,
  method: 'GET',
  path,
  headers: UPGRADE,
  frames,
});

export const call = (name: string, ...args: unknown[]) => ({ call: name, args });
/** Busy, and with sleeps in between, by the wall clock. */
export const busy = Array.from({ length: 2000 }, () => call('getpid'));
export const slow = Array.from({ length: 10 }, () => call('nanosleep', { tv_sec: 0, tv_nsec: 50_000_000 }, null));
