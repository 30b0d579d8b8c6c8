import { expect, test } from 'vitest';
import { parseReach } from '../../../network/user/reach.ts';
import { type OutsideSocket, workerOutside } from './outside.ts';

const reach = parseReach('192.0.2.0/24') ?? expect.fail('no reach');
const host = { timer: () => () => {} };
const nobody = () => expect.fail('nobody is to be asked');

test('so many questions at a time are asked, and no longer ones', async () => {
  const answers: (() => void)[] = [];
  const outside = workerOutside({
    reach,
    host,
    connect: nobody,
    resolver: 'https://names.example/',
    fetch: () =>
      new Promise((resolve) => {
        const headers = { 'content-type': 'application/dns-message' };
        answers.push(() => resolve(new Response(Uint8Array.of(7), { headers })));
      }),
  });
  const ask = (bytes = 20) => outside.resolve?.(new Uint8Array(bytes));
  const asked = Array.from({ length: 20 }, () => ask());
  expect(await ask(5000)).toBeUndefined();
  expect(answers).toHaveLength(16);
  for (const answer of answers) answer();
  expect((await Promise.all(asked)).filter((one) => one !== undefined)).toHaveLength(16);
  void ask();
  expect(answers).toHaveLength(17);
});

test('what is no answer of DNS is none', async () => {
  const outside = workerOutside({
    reach,
    host,
    connect: nobody,
    resolver: 'https://names.example/',
    fetch: async () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
  });
  expect(await outside.resolve?.(new Uint8Array(20))).toBeUndefined();
});

test('a connection that fails gives its place back', async () => {
  const stream = new TransformStream<Uint8Array, Uint8Array>();
  const failing = (): OutsideSocket => ({
    readable: stream.readable,
    writable: stream.writable,
    opened: Promise.reject(new Error('refused')),
    closed: new Promise(() => {}),
    close: async () => {},
  });
  const outside = workerOutside({ reach, host, connect: failing, resolver: '', fetch: nobody });
  for (let i = 0; i < 20; i++) await expect(outside.tcp('192.0.2.1', 80)).rejects.toThrow('refused');
  await expect(outside.tcp('198.51.100.1', 80)).rejects.toMatchObject({ reason: 'forbidden' });
});
