/** Frames and answers that nobody would send who means well: nothing falls over, and what comes after them works. */

import { afterEach, expect, it } from 'vitest';
import { newRoute } from '../../src/abi/netlink/address.ts';
import { AF } from '../../src/abi/netlink/constants.ts';
import { exchange } from '../../src/network/http/message.ts';
import { ProtocolError, StreamReader } from '../../src/network/http/reader.ts';
import { WebSocketClient } from '../../src/network/http/websocket.ts';
import { OutsideError } from '../../src/network/user/outside.ts';
import { userNetwork } from '../../src/network/user/user.ts';
import { nodeHost } from '../../src/node/host.ts';
import { address, configure, kernelWith, ping } from './hosts.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** The same numbers each time. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it('a user network takes any frame, and goes on', async () => {
  const router = kernelWith('wall');
  const refuse = () => Promise.reject(new OutsideError('unreachable', 'nothing is outside'));
  const network = await userNetwork(router, { outside: { tcp: refuse }, host: nodeHost });
  const kernel = kernelWith('wall');
  closing.push(() => kernel.kill());
  const sent: Uint8Array[] = [];
  const { index } = await kernel.nets.attach({
    ...network,
    send(frame, header) {
      sent.push(frame.slice());
      return network.send(frame, header);
    },
  });
  const rtnl = await configure(kernel, index, '10.0.2.15', 'fec0::15');
  await rtnl.send([newRoute({ family: AF.INET, gateway: address('10.0.2.2') })]);
  expect(await ping(kernel, '192.0.2.1')).toMatchObject({ ok: true });
  const below = random(7);
  const seeds = [
    ...sent,
    new Uint8Array(1514).fill(0xff),
    new Uint8Array(14),
    new Uint8Array(20),
    new Uint8Array(65_553),
  ];
  for (let i = 0; i < 5000; i++) {
    const frame = (seeds[below(seeds.length)] ?? new Uint8Array(60)).slice(0, 1 + below(2000));
    for (let flips = below(8); flips >= 0; flips--) frame[below(frame.length)] = below(256);
    if (below(3) === 0)
      frame.set([8, 0, 0x40 | below(16)].slice(0, Math.max(0, frame.length - 12)), Math.min(12, frame.length));
    await network.send(
      frame,
      new Uint8Array(12).map(() => (below(20) === 0 ? below(256) : 0)),
    );
  }
  for (let tries = 0; ; tries++) {
    // ARP tables may have been told lies.
    const answer = await ping(kernel, '10.0.2.2', 1000);
    if (answer.ok) break;
    expect(tries).toBeLessThan(60);
  }
  expect(router.dead).toBeUndefined();
});

/** A connection on which these bytes come, in pieces. */
function saying(bytes: Uint8Array, piece: number) {
  let at = 0;
  return {
    read: async () => {
      if (at >= bytes.length) return undefined;
      at += piece;
      return bytes.subarray(at - piece, at);
    },
    write: async () => {},
    end: async () => {},
    abort: async () => {},
  };
}

it('an answer of any bytes is read, or is an error that says so, in any pieces', async () => {
  const below = random(11);
  const good = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n4\r\nwiki\r\n5;a=b\r\npedia\r\n0\r\n\r\n';
  const read = async (text: string, piece: number) => {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const answer = await exchange(saying(bytes, piece), { method: 'GET', target: '/', headers: [] });
    let body = '';
    for await (const chunk of answer.body ?? []) body += String.fromCharCode(...chunk);
    return body;
  };
  for (const piece of [1, 2, 3, 7, 1000]) expect(await read(good, piece)).toBe('wikipedia');
  let failed = 0;
  for (let i = 0; i < 3000; i++) {
    const chars = [...good];
    for (let flips = below(4); flips >= 0; flips--) chars[below(chars.length)] = String.fromCharCode(below(256));
    const text = chars.join('').slice(0, 1 + below(good.length));
    await read(text, 1 + below(20)).catch((cause: unknown) => {
      expect(cause).toBeInstanceOf(ProtocolError);
      failed++;
    });
  }
  expect(failed).toBeGreaterThan(1000);
});

it('frames of a WebSocket of any bytes are messages, or an error that says so', async () => {
  const below = random(13);
  let failed = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from({ length: 1 + below(300) }, (_, at) =>
      at === 0 ? 0x80 | below(16) : below(at === 1 ? 128 : 256),
    );
    const stream = saying(bytes, 1 + below(50));
    const client = new WebSocketClient(stream, new StreamReader(stream), (into) => into.fill(1));
    try {
      for (let message = await client.receive(); message; message = await client.receive())
        if (message.type === 'close') break;
    } catch (cause) {
      expect(cause).toBeInstanceOf(ProtocolError);
      failed++;
    }
  }
  expect(failed).toBeGreaterThan(500);
});
