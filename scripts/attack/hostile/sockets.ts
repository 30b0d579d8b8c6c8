/** WebSockets that flood: many of them, frames as RFC 6455 does not have them, pings, and messages that never end. */

import { constants, deflateRawSync } from 'node:zlib';
import { json } from '../client.ts';
import { connected, frame, sleep, wireBytes } from '../wire.ts';
import type { Probe, Target } from './probe.ts';

const headers = (authorization: string) => ({
  authorization,
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-extensions': 'permessage-deflate',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
});

/** Masked by zeros, with any length said. */
function header(first: number, length: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = first;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** A message of blanks as permessage-deflate (RFC 7692) has it, a thousandth of it as it is sent. */
function bomb(mib: number): Buffer {
  const packed = deflateRawSync(Buffer.alloc(2 ** 20, 0x20), { finishFlush: constants.Z_SYNC_FLUSH });
  const body = Buffer.concat(Array(mib).fill(packed)).subarray(0, -4); // without the end that each such message has
  return Buffer.concat([header(0xc1, body.length), body]);
}

/** By what they send once the socket is there. */
const floods: Readonly<Record<string, readonly Buffer[]>> = {
  'a frame of 2⁶² bytes': [header(0x82, 2 ** 62), Buffer.alloc(2 ** 20)],
  'a message of fragments without an end': Array.from({ length: 400 }, (_, index) =>
    Buffer.concat([header(index === 0 ? 0x01 : 0x00, 65_536), Buffer.alloc(65_536, 0x20)]),
  ),
  'ten thousand pings': [Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x89, 0x80, 0, 0, 0, 0])))],
  'text that is not UTF-8': [Buffer.concat([Buffer.from([0x81, 0x82, 0, 0, 0, 0]), Buffer.from([0xff, 0xfe])])],
  'frames without a mask': [Buffer.from([0x81, 0x02, 0x7b, 0x7d])],
  'reserved bits and opcodes': [Buffer.from([0xf7, 0x80, 0, 0, 0, 0])],
  'frames behind a close': [Buffer.from([0x88, 0x80, 0, 0, 0, 0]), frame('{"calls":[]}'), frame('{"calls":[]}')],
  'a ping that is too long': [Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126, 0, 0, 0, 0]), Buffer.alloc(126)])],
  'a ping in fragments': [Buffer.from([0x09, 0x80, 0, 0, 0, 0])],
  'a close that is cut, and one of no code': [
    Buffer.from([0x88, 0x81, 0, 0, 0, 0, 3]),
    Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0, 1]),
  ],
  'a fragment of nothing, and text in the midst of text': [
    Buffer.from([0x80, 0x82, 0, 0, 0, 0, 0x7b, 0x7d]),
    Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x7b]),
    Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x7d]),
  ],
  'a compressed message that is a bomb': [bomb(200)],
  'batches that are none': Array.from({ length: 60 }, () => frame('[[[[[[[[')),
  'a batch that is too large': [header(0x81, 17 * 2 ** 20), Buffer.alloc(17 * 2 ** 20, 0x20)],
};

async function flooded({ url }: Target, session: string, pieces: readonly Buffer[]): Promise<void> {
  const socket = await connected(url);
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  socket.write(
    wireBytes({ method: 'GET', path: `/v1/sessions/${session}/socket`, headers: headers('Bearer flooder') }),
  );
  await Promise.race([new Promise((resolve) => socket.once('data', resolve)), sleep(5000)]);
  for (const piece of pieces) if (socket.writable) socket.write(piece);
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(1500)]);
  socket.destroy();
}

export const sockets: readonly Probe[] = [
  {
    name: 'WebSockets that flood',
    async run(target, found) {
      const { url } = target;
      const ask = (path: string, init: RequestInit = {}) =>
        fetch(new URL(path, url), { ...init, headers: { ...init.headers, authorization: 'Bearer flooder' } });
      const { id } = (await (await ask('/v1/sessions', json({ expires_in_s: 300 }))).json()) as { id: string };
      for (const [what, pieces] of Object.entries(floods)) {
        await flooded(target, id, pieces);
        const answer = await ask(`/v1/sessions/${id}/syscalls`, json({ calls: [{ call: 'getpid', args: [] }] }));
        const text = await answer.text();
        if (answer.status !== 200) found(`after ${what} the session answers ${answer.status} ${text.slice(0, 200)}`);
      }
      await Promise.all(Array.from({ length: 100 }, () => flooded(target, id, [frame('{"calls":[]}')])));
      const answer = await ask(`/v1/sessions/${id}`, { method: 'DELETE' });
      if (answer.status !== 204) found(`after a hundred sockets the session is deleted with ${answer.status}`);
    },
  },
];
