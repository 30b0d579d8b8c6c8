/** The Worker as `lkl serve` and scripts/self-host.ts have it on this machine: behind a door of its own. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { direct, type KeptGoing, keptGoing } from '../../cli/serve/kept-going.ts';
import { untilWhole } from '../../scripts/attack/cut.ts';
import { raw } from '../../scripts/attack/hostile/raw.ts';
import { connected, sleep, wireBytes } from '../../scripts/attack/wire.ts';
import { embeddedMiniflare, NAME } from './embedded-worker.ts';

let kept: KeptGoing;
/** Where miniflare itself listens, which nothing is told of. */
let behind: URL;
beforeAll(async () => {
  const make = await embeddedMiniflare({}, [], { unsafeDirectSockets: [{}] });
  const start = () => {
    const started = make();
    void started.ready.then((url) => {
      behind = url;
    });
    return direct(NAME, started);
  };
  kept = await keptGoing({ start, host: '127.0.0.1', port: 0, told: () => {} });
}, 60_000);
afterAll(() => kept?.end());

it.each(['virtual', 'wall'])(
  'a client that hangs up without a word ends the program that it asked for, clock %s',
  async (clock) => {
    const socket = await connected(kept.url);
    socket.on('error', () => {});
    const body = JSON.stringify({ argv: ['sh', '-c', 'while :; do sleep 1; done'], clock, deadline_ms: 60_000 });
    socket.write(wireBytes({ method: 'POST', path: '/v1/run', headers: { 'content-type': 'application/json' }, body }));
    let kernels = 0;
    for (let looks = 0; kernels === 0 && looks < 200; looks++) {
      await sleep(50);
      ({ kernels } = (await (await fetch(new URL('/healthz', kept.url))).json()) as { kernels: number });
    }
    expect(kernels).toBe(1);
    socket.end(); // a FIN, as of a curl that was interrupted
    await untilWhole(kept.url, 0, 5000);
  },
);

it("a header that says another URL opens nothing to a page whose name leads here, at miniflare's own door neither", async () => {
  const headers = ['Host: evil.test', 'MF-Original-URL: http://localhost/v1/images', 'Connection: close'];
  for (const url of [kept.url, behind]) {
    const { statuses } = await raw(url, `GET /v1/images HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
    expect(statuses).toEqual([421]);
  }
  const { statuses } = await raw(kept.url, 'GET /v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(statuses).toEqual([200]);
});
