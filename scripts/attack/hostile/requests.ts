/** Requests that two readers would read in two ways, or that ask a reader for very much. */

import { json } from '../client.ts';
import { isRefusal, type Probe, problemOf } from './probe.ts';
import { raw } from './raw.ts';

const inner = 'GET /v1/images/smuggled HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer smuggler\r\n\r\n';
const post = (headers: string, body: string) =>
  `POST /v1/syscalls HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const batch = '{"calls":[]}';
const chunked = `${batch.length.toString(16)}\r\n${batch}\r\n0\r\n\r\n`;

/** Each is one request at most: whatever of it is read as a second one was smuggled. */
const ambiguous: readonly (readonly [string, string])[] = [
  [
    'a length and chunks',
    post(`Content-Length: ${chunked.length + inner.length}\r\nTransfer-Encoding: chunked\r\n`, chunked + inner),
  ],
  ['a short length and chunks', post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', chunked)],
  [
    'two lengths',
    post(`Content-Length: ${batch.length}\r\nContent-Length: ${batch.length + inner.length}\r\n`, batch + inner),
  ],
  ['a list of lengths', post(`Content-Length: ${batch.length}, ${batch.length + inner.length}\r\n`, batch + inner)],
  ['a signed length', post(`Content-Length: +${batch.length + inner.length}\r\n`, batch + inner)],
  ['a length in hex', post(`Content-Length: 0x${(batch.length + inner.length).toString(16)}\r\n`, batch + inner)],
  ['a negative length', post('Content-Length: -1\r\n', batch)],
  ['chunks by another spelling', post('Transfer-Encoding: xchunked\r\n', chunked + inner)],
  ['chunks twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', chunked)],
  ['chunks behind a tab', post(`Transfer-Encoding:\tchunked\r\nContent-Length: ${chunked.length}\r\n`, chunked)],
  ['chunks in a name with a blank', post(`Transfer-Encoding : chunked\r\nContent-Length: ${batch.length}\r\n`, batch)],
  ['a folded header', post(`X: a\r\n Content-Length: 3\r\nContent-Length: ${batch.length}\r\n`, batch)],
  ['a chunk of another size', post('Transfer-Encoding: chunked\r\n', `fffffffffffffffff\r\n${batch}\r\n0\r\n\r\n`)],
  ['a chunk of a negative size', post('Transfer-Encoding: chunked\r\n', `-1\r\n${batch}\r\n0\r\n\r\n`)],
  ['a NUL in a header', post(`X: a\0b\r\nContent-Length: ${batch.length}\r\n`, batch)],
  ['lines that end in CR alone', 'GET /healthz HTTP/1.1\rHost: localhost\r\r'],
  ['no version', 'GET /healthz\r\n\r\n'],
  ['another version', 'GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n'],
  ['a URL with another host', `GET http://evil.test/v1/images HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ['two hosts', 'GET /v1/images HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n'],
  ['a header of 1 MiB', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(2 ** 20)}\r\n\r\n`],
  ['ten thousand headers', `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${'A: b\r\n'.repeat(10_000)}\r\n`],
];

const HOSTS = [
  'evil.test',
  'localhost.evil.test',
  '127.0.0.1.evil.test',
  '[::ffff:10.0.0.1]',
  '[fe80::1]',
  '0.0.0.0',
  '169.254.169.254',
  'localhost@evil.test',
  '[::]',
];

export const requests: readonly Probe[] = [
  {
    name: 'one request that others read as two',
    async run({ url }, found) {
      // Each waits whether something follows: together they wait once.
      const answers = await Promise.all(
        ambiguous.map(async ([what, text]) => [what, await raw(url, text, 700)] as const),
      );
      for (const [what, { statuses, text: answer }] of answers) {
        if (statuses.length > 1 && !statuses.slice(1).every(isRefusal))
          found(`${what}: ${statuses.length} answers, ${statuses}`);
        // What the smuggled request is answered has its path in it.
        if (answer.includes('image smuggled')) found(`${what}: the smuggled request was answered (${statuses})`);
        if (statuses.some((status) => status >= 500 && ![501, 503, 505].includes(status)))
          found(`${what}: ${statuses} ${answer.slice(0, 200)}`);
      }
    },
  },
  {
    name: 'names and pages that lead to loopback',
    async run({ url }, found) {
      for (const host of HOSTS) {
        const { statuses, text } = await raw(
          url,
          `GET /v1/images HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
          1000,
        );
        if (!statuses.every((status) => isRefusal(status))) found(`as ${host}: ${statuses} ${text.slice(0, 100)}`);
      }
      for (const host of ['localhost', '127.0.0.1:80', '[::1]', '[::1]:8787', 'x.localhost']) {
        const { statuses } = await raw(
          url,
          `GET /v1/images HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
          1000,
        );
        if (statuses[0] !== 200) found(`as ${host}, which is loopback: ${statuses}`);
      }
      for (const origin of [
        'null',
        'https://evil.test',
        'http://localhost.evil.test',
        'http://[::ffff:1.2.3.4]',
        'file://',
        'http://127.0.0.1.evil.test',
      ]) {
        const answer = await fetch(new URL('/v1/syscalls', url), {
          ...json({ calls: [] }),
          headers: { 'content-type': 'application/json', origin },
        });
        if (answer.status !== 403) found(`a page of ${origin}: ${await problemOf(answer)}`);
        const { statuses } = await raw(
          url,
          `GET /v1/sessions/x/socket HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
          700,
        );
        if (statuses[0] !== 403) found(`a WebSocket of ${origin}: ${statuses}`);
      }
    },
  },
  {
    name: 'headers that are to poison a cache or a log',
    async run({ ask, own }, found) {
      const plain = await (await ask('/openapi.json')).text();
      const headers = {
        'x-forwarded-host': 'evil.test',
        forwarded: 'host=evil.test;proto=gopher',
        'x-original-url': '/v1/tokens',
        'x-rewrite-url': '/v1/tokens',
        'x-http-method-override': 'DELETE',
        'x-forwarded-prefix': '/evil',
        'x-forwarded-for': '127.0.0.1',
      };
      const other = await (await ask('/openapi.json', { headers })).text();
      if (other !== plain) found('the document depends on a header of a proxy');
      const link = await (
        await ask('/v1/links', {
          ...json({ method: 'GET', path: `/v1/images/${own}/tar`, expires_in_s: 60 }),
          headers: { ...headers, 'content-type': 'application/json' },
        })
      ).text();
      if (link.includes('evil')) found(`a link depends on a header of a proxy: ${link.slice(0, 200)}`);
      if ((await ask(`/v1/images/${own}`, { headers })).status !== 200) found('a GET with an override was no GET');
      if ((await ask(`/v1/images/${own}`)).status !== 200) found('a GET with an override deleted the image');
      for (const path of [
        `/v1/images/${own}`,
        `/v1/images/${own}/tar`,
        '/v1/images',
        `/v1/images/${own}/files/`,
        '/v1/principal',
      ]) {
        const answer = await ask(path);
        await answer.arrayBuffer();
        const rule = answer.headers.get('cache-control') ?? '';
        if (!/private|no-store/.test(rule)) found(`${path} may be kept by a cache that others share: "${rule}"`);
      }
      const named = await ask('/v1/images?limit=1', { headers: { 'cf-ray': 'x'.repeat(5000) } });
      if ((named.headers.get('x-request-id') ?? '').length > 100)
        found('a client names its request with 5,000 letters');
    },
  },
  {
    name: 'ranges without end',
    async run({ ask, own }, found) {
      const at = `/v1/images/${own}/raw`;
      const ranges = [
        `bytes=${'0-,'.repeat(2000)}0-`,
        `bytes=${Array.from({ length: 1500 }, (_, index) => `${index}-${index + 4096}`).join()}`,
        'bytes=0-18446744073709551615',
        'bytes=-18446744073709551615',
        'bytes=99999999999999999999-',
        'bytes=-0',
        'bytes=1-0',
        'bytes=0x10-0x20',
        'bytes=٣-٤',
        'bytes= 0 - 1 ',
        'items=0-1',
        `bytes=${' '.repeat(10_000)}0-1`,
      ];
      const { byteLength } = await (await ask(at)).arrayBuffer();
      for (const range of ranges) {
        const answer = await ask(at, { headers: { range: Buffer.from(range).toString('latin1') } }).catch(
          (cause: unknown) => String(cause),
        );
        if (typeof answer === 'string') continue; // the client's own library refuses it
        const body = await answer.arrayBuffer();
        if (![200, 206, 400, 416, 431].includes(answer.status)) found(`range ${range.slice(0, 40)}: ${answer.status}`);
        if (body.byteLength > byteLength)
          found(`range ${range.slice(0, 40)}: ${body.byteLength} bytes of ${byteLength}`);
      }
    },
  },
  {
    name: 'members that are to change what all objects have',
    async run({ ask }, found) {
      const poison =
        '{"__proto__":{"polluted":1,"isOpen":true,"scopes":["admin"]},"constructor":{"prototype":{"polluted":1}}';
      const bodies: readonly (readonly [string, string])[] = [
        ['/v1/syscalls', `${poison},"calls":[]}`],
        ['/v1/syscalls', '{"calls":[{"call":"__proto__","args":[]}]}'],
        ['/v1/syscalls', '{"calls":[{"call":"constructor","args":[]}]}'],
        [
          '/v1/syscalls',
          '{"calls":[{"call":"getpid","args":[],"as":"__proto__"},{"call":"write","args":[1,{"ref":"__proto__"},1]}]}',
        ],
        [
          '/v1/syscalls',
          '{"calls":[],"tasks":{"__proto__":{"calls":[]},"constructor":{"calls":[]},"toString":{"calls":[]}}}',
        ],
        [
          '/v1/simulations',
          '{"duration":"1s","hosts":{"__proto__":{},"constructor":{}},"links":[{"endpoints":["__proto__","constructor"]}],"workloads":[]}',
        ],
        [
          '/v1/simulations',
          '{"duration":"1s","hosts":{"toString":{},"hasOwnProperty":{}},"links":[{"endpoints":["toString","hasOwnProperty"]}],"workloads":[{"type":"ping","from":"toString","to":"hasOwnProperty"}]}',
        ],
        ['/v1/sessions', `${poison}}`],
        ['/v1/run', `${poison},"steps":[]}`],
        ['/v1/tokens', `${poison},"name":"x","scopes":["__proto__"]}`],
      ];
      for (const [path, body] of bodies) {
        const answer = await ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const word = await problemOf(answer);
        if (answer.status >= 500 && answer.status !== 503) found(`${path} ${body.slice(0, 80)}: ${word}`);
        if (word.includes('polluted')) found(`${path}: ${word}`);
      }
      const after = await (await ask('/v1/principal')).text();
      if (after.includes('polluted')) found('all objects were changed');
    },
  },
  {
    name: 'texts that take a pattern long',
    async run({ ask, own }, found) {
      const long = 60_000;
      const tries: readonly (readonly [string, RequestInit?])[] = [
        [`/v1/images?prefix=${'a'.repeat(7000)}!`],
        [`/v1/images/${own}`, { headers: { 'if-none-match': `${'"a",'.repeat(3000)}"` } }],
        [`/v1/images/${own}`, { headers: { accept: `${'a/b;q=0.1,'.repeat(1500)}x` } }],
        [`/v1/images/${own}/raw`, { headers: { range: `bytes=${'1'.repeat(7000)}-x` } }],
        [
          '/v1/syscalls',
          { ...json({ calls: [] }), headers: { 'content-type': `application/json;${' '.repeat(7000)}x` } },
        ],
        [
          '/v1/syscalls',
          json({ calls: [{ call: 'openat', args: ['A|'.repeat(long / 2), '/x', `${'O_RDWR|'.repeat(long / 8)}!`] }] }),
        ],
        ['/v1/packetdrill', json({ script: `${' '.repeat(long)}+` })],
        ['/v1/packetdrill', json({ script: `0 \`${'a'.repeat(long)}` })],
        ['/v1/packetdrill', json({ script: `0 > S 0:0(0) <${'mss 1,'.repeat(long / 6)}` })],
        ['/v1/simulations', json({ duration: `${'1'.repeat(long)}x`, hosts: {}, links: [], workloads: [] })],
        ['/v1/simulations', json({ duration: `1${' '.repeat(long)}!`, hosts: {}, links: [], workloads: [] })],
        ['/v1/syscalls', { ...json({}), body: `{"calls": "${'cut off '.repeat(long / 8)}` }],
        ['/v1/syscalls', { ...json({}), body: `{"${'\\u00'.repeat(long / 5)}` }],
        [`/v1/images/${own}/tar?path=${'../'.repeat(2000)}`],
        [
          '/v1/fs2tar',
          {
            method: 'POST',
            headers: { 'content-digest': `${'a=:b:,'.repeat(1500)}!`, 'content-type': 'application/octet-stream' },
            body: 'x',
          },
        ],
      ];
      for (const [path, init] of tries) {
        const start = performance.now();
        const answer = await ask(path, init).catch(() => undefined);
        await answer?.arrayBuffer();
        const ms = performance.now() - start;
        const quick = await timed(() => ask('/healthz'));
        if (ms > 3000 + 50 * quick)
          found(`${path.slice(0, 60)} took ${Math.round(ms)} ms (a look at its health ${Math.round(quick)})`);
        if (answer && answer.status >= 500 && answer.status !== 503) found(`${path.slice(0, 60)}: ${answer.status}`);
      }
    },
  },
];

async function timed(work: () => Promise<Response>): Promise<number> {
  const start = performance.now();
  await (await work()).arrayBuffer();
  return performance.now() - start;
}
