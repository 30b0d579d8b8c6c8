/** /v1/sessions/{id}/interfaces: network cards, cables over WebSockets, and links between sessions. */

import { exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { ORIGIN, request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

const add = async (id: string, body: Json = {}, status = 201) =>
  expectStatus(await request(at(id, '/interfaces'), json('POST', body)), status);
const list = async (id: string) =>
  (await expectStatus(await request(at(id, '/interfaces'), json('GET')), 200)).interfaces;

/** Through the ioctls of netdevice(7). */
const configure = (id: string, name: string, address: string) => {
  const of = (member: Json) => ({ struct: 'ifreq', ifr_name: name, ...member });
  return run(id, {
    calls: [
      { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
      call('ioctl', { ref: 'fd' }, 'SIOCSIFADDR', of({ ifr_addr: { sin_family: 'AF_INET', sin_addr: address } })),
      call('ioctl', { ref: 'fd' }, 'SIOCSIFFLAGS', of({ ifr_flags: 'IFF_UP|IFF_RUNNING' })),
      call('ioctl', { ref: 'fd' }, 'SIOCGIFFLAGS', of({ ifr_flags: 0 })),
    ],
  });
};

async function cable(id: string, name: string): Promise<WebSocket> {
  const headers = { authorization: 'Bearer test', upgrade: 'websocket' };
  const response = await exports.default.fetch(
    new Request(`${ORIGIN}${at(id, `/interfaces/${name}/socket`)}`, { headers }),
  );
  expect(response.status).toBe(101);
  const socket = response.webSocket ?? expect.fail('no WebSocket');
  socket.binaryType = 'arraybuffer';
  socket.accept();
  return socket;
}

/** Who has 10.0.0.1? Tell 10.0.0.9. */
const WHO_HAS = Uint8Array.of(
  ...[255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6],
  ...[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1],
  ...new Uint8Array(18),
);

it.each(['wall', 'virtual'] as const)(
  'a card is there, heard over its cable, stored without it, and pulled; clock %s',
  async (clock) => {
    const id = await create({ clock });
    expect(await list(id)).toEqual([]);
    const mac = '02:00:00:00:00:01';
    expect(await add(id, { mac, mtu: 1400 })).toMatchObject({
      name: 'eth0',
      index: 2,
      mac,
      connected: false,
      dropped: 0,
    });
    const { results } = await configure(id, 'eth0', '10.0.0.1');
    expect(results[3]).toMatchObject({ ret: 0, out: { ifr_flags: 3 } });
    const socket = await cable(id, 'eth0');
    const answer = new Promise<number[]>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const frame = [...new Uint8Array(data as ArrayBuffer)];
        if (frame[12] === 8 && frame[13] === 6 && frame[21] === 2) resolve(frame);
      });
    });
    socket.send('no frame');
    socket.send(new Uint8Array(3));
    socket.send(WHO_HAS);
    expect((await answer).slice(22, 32)).toEqual([2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
    expect(await list(id)).toMatchObject([{ connected: true }]);
    const busy = await expectStatus(await request(at(id, '/suspend'), json('POST')), 409);
    expect(busy.detail).toMatch(/interface eth0 is connected/);
    socket.close(1000);
    for (let connected = true; connected; ) [{ connected }] = (await list(id)) as [{ connected: boolean }];
    await suspend(id);
    expect(await list(id)).toMatchObject([{ name: 'eth0', mac, connected: false }]);
    // The kernel knows it, with its address; a new cable goes in.
    const again = await cable(id, 'eth0');
    const second = new Promise<void>((resolve) => {
      again.addEventListener('message', ({ data }) => {
        if (new Uint8Array(data as ArrayBuffer)[21] === 2) resolve();
      });
    });
    again.send(WHO_HAS);
    await second;
    await expectStatus(await request(at(id, '/interfaces/eth0'), json('DELETE')), 204);
    expect(await list(id)).toEqual([]);
    expect(await expectStatus(await request(at(id, '/interfaces/eth0'), json('DELETE')), 404)).toMatchObject({
      type: '/problems/interface-not-found',
    });
    await destroy(id);
  },
);

it('two sessions are linked, and speak', async () => {
  const [one, two] = [await create(), await create()];
  await add(one);
  expect(await add(two, { link: { session: one, interface: 'eth0' } })).toMatchObject({
    name: 'eth0',
    connected: true,
  });
  await configure(one, 'eth0', '10.0.0.1');
  await configure(two, 'eth0', '10.0.0.2');
  const to = { struct: 'sockaddr_in', sin_family: 'AF_INET', sin_port: 7, sin_addr: '10.0.0.1' };
  const hearing = [
    { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
    call('bind', { ref: 'fd' }, to, 16),
    call('read', { ref: 'fd' }, { out: 100 }, 100),
  ];
  await run(one, { tasks: { server: { wait: false, calls: hearing } } });
  await run(two, {
    calls: [
      { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'fd' },
      call('sendto', { ref: 'fd' }, 'across', 6, 0, to, 16),
    ],
  });
  const heard = await run(one, { tasks: { server: {} } });
  expect(JSON.stringify(heard.tasks)).toContain('across');
  // The one that goes takes the carrier of the other along.
  await destroy(two);
  const carrier = async () => (await request(at(one, '/files/sys/class/net/eth0/carrier'), json('GET'))).text();
  while ((await carrier()).trim() !== '0') await run(one, { calls: [call('sched_yield')] });
  await destroy(one);
});

it('what cannot be is refused, and nothing stays', async () => {
  const id = await create();
  for (const body of [{ mac: '01:00:00:00:00:00' }, { mac: 'x' }, { mtu: 67 }, { mtu: 65_536 }, { what: 1 }])
    await add(id, body, 400);
  const nobody = '00000000-0000-4000-8000-000000000000';
  expect(await add(id, { link: { session: nobody, interface: 'eth0' } }, 404)).toMatchObject({
    type: '/problems/session-not-found',
  });
  await add(id, { link: { session: id, interface: 'eth0' } }, 400);
  const other = await create();
  expect(await add(id, { link: { session: other, interface: 'eth0' } }, 404)).toMatchObject({
    type: '/problems/interface-not-found',
  });
  expect(await list(id)).toEqual([]);
  await expectStatus(await request(at(id, '/interfaces/eth0/socket'), json('GET')), 426);
  for (let i = 0; i < 8; i++) await add(id);
  await add(id, {}, 413);
  await destroy(other);
  await destroy(id);
});

it('a card that nobody gives the address it asks for is not there afterwards', async () => {
  const id = await create({ clock: 'virtual' });
  const none = { type: '/problems/no-address', detail: expect.stringMatching(/eth0: nobody answered/) };
  expect(await add(id, { dhcp: true }, 409)).toMatchObject(none);
  expect(await list(id)).toEqual([]);
  await destroy(id);
});
