/** POST /v1/packetdrill: a script in, how it went with each version of IP out. */

import { expect, it } from 'vitest';
import { request } from '../harness.ts';

const post = (body: unknown) =>
  request('/v1/packetdrill', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const script = `--ip_version=ipv6
\`./own.sh\`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
+0 %{ print(tcpi_snd_cwnd) }%`;

it('plays a script with the version that it says, and the files that come with it', async () => {
  const files = { 'own.sh': 'sysctl -q net.ipv4.tcp_timestamps=0' };
  const response = await post({ script, files });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    passed: true,
    results: [{ ip_version: 'ipv6', passed: true, printed: ['10'] }],
  });
});

it('says where Linux did otherwise', async () => {
  const response = await post({ name: 'x.pkt', script: '0 socket(..., SOCK_STREAM, 0) = 3\n+0 listen(3, 1) = 7' });
  const error = 'x.pkt:2: runtime error in listen call: Expected result 7 but got 0';
  const results = ['ipv4', 'ipv6', 'ipv4-mapped-ipv6'].map((ip_version) => ({
    ip_version,
    passed: false,
    error,
    line: 2,
  }));
  expect(await response.json()).toMatchObject({ passed: false, results });
});

it('refuses what is no request', async () => {
  expect((await post({ script: '', bogus: 1 })).status).toBe(400);
  expect((await post({ script: '0 `true`', ip_versions: ['ipv5'] })).status).toBe(400);
});

it("ends with its time, which is the script's own end and no fault of the service", async () => {
  const long = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n${'+0 getsockopt(3, SOL_TCP, TCP_MAXSEG, [536], [4]) = 0\n'.repeat(5000)}`;
  const response = await post({ script: long, ip_versions: ['ipv4'], deadline_ms: 1 });
  expect(await response.json()).toMatchObject({ type: '/problems/program-too-long', status: 422 });
});
