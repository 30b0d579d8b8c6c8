/** A server and a client, two tasks of one Linux, over TCP: `npm run types && npm start`. Types are those of the API's document. */

import createClient from 'openapi-fetch';
import type { components, paths } from './lkl.d.ts';

type Calls = components['schemas']['Call'][];

const port = { sin_addr: '127.0.0.1', sin_port: 80 };

const server: Calls = [
  { call: 'socket', args: ['AF_INET', 'SOCK_STREAM', 0], as: 'listener' },
  { call: 'bind', args: [{ ref: 'listener' }, port, 16], expect: 0 },
  { call: 'listen', args: [{ ref: 'listener' }, 1], as: 'listening' },
  { call: 'accept', args: [{ ref: 'listener' }, { out: 'sockaddr_in' }, [16]], as: 'peer' },
  { call: 'recv', args: [{ ref: 'peer' }, { out: 64 }, 64, 0] },
];
const client: Calls = [
  { call: 'socket', args: ['AF_INET', 'SOCK_STREAM', 0], as: 'socket' },
  { call: 'connect', args: [{ ref: 'socket' }, port, 16], after: 'listening', expect: 0 },
  { call: 'send', args: [{ ref: 'socket' }, { utf8: 'hello' }, 5, 0] },
];

const lkl = createClient<paths, 'application/json' | 'application/problem+json'>({
  baseUrl: process.env.LKL ?? 'http://localhost:8787',
});
const { data, error } = await lkl.POST('/v1/syscalls', {
  body: { seed: 1, strace: true, tasks: { server: { calls: server }, client: { calls: client } } },
});
if (!data) throw new Error(`${error?.title}: ${error?.detail}`);

for (const [name, { results }] of Object.entries(data.tasks ?? {})) {
  for (const { strace } of results) console.log(`${name}  ${strace}`);
}
