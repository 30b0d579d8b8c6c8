/** What clients of a session's WebSockets may leave waiting: bounded, whatever it is. */

import { expect, it } from 'vitest';
import type { StreamReader } from '../../../network/http/reader.ts';
import { bridge } from '../../session/ports/websocket.ts';
import { serveTerminal } from './terminal.ts';

/** One whose client takes nothing that it is sent. */
class UntakenSocket extends EventTarget {
  binaryType = 'blob';
  bufferedAmount = 0;
  closed: number | undefined;
  accept(): void {}
  send(message: string | ArrayBuffer): void {
    this.bufferedAmount += typeof message === 'string' ? message.length : message.byteLength;
  }
  close(code: number): void {
    this.closed ??= code;
  }
  /** So many times, as long as it is open; answers how often that was. */
  async says(data: string | ArrayBuffer, times: number): Promise<number> {
    for (let said = 0; said < times; said++) {
      if (this.closed !== undefined) return said;
      this.dispatchEvent(new MessageEvent('message', { data }));
      if (said % 500 === 0) await scheduler.wait(0);
    }
    return times;
  }
}
const untaken = () => new UntakenSocket() as UntakenSocket & WebSocket;

const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;

it('who says nonsense to a terminal and takes no answer is let go', async () => {
  const socket = untaken();
  const session = { run: never, terminal: never, listen: () => () => {} };
  serveTerminal(socket, new URL('http://session/terminal'), session, { tryTake: () => true, release: () => {} });
  await socket.says('[', 100_000);
  expect(socket.closed).toBe(POLICY_VIOLATION);
  expect(socket.bufferedAmount).toBeLessThan(2 * 2 ** 20);
});

it('messages of no bytes, to a server in a session that takes none, have an end', async () => {
  const socket = untaken();
  const stream = { write: never, read: never, abort: never };
  const reader = { exactly: never } as unknown as StreamReader;
  bridge(socket, { stream } as never, reader, { entropy: () => {} }, () => {});
  expect(await socket.says('', 200_000)).toBeLessThan(100_000);
  expect(socket.closed).toBe(TOO_BIG);
});

function never<T>(): Promise<T> {
  return new Promise(() => {});
}
