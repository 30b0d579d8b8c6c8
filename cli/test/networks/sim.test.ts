/** `lkl sim` from the outside: the example's table, its captures, and what it says of a network that cannot be. */

import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { feedLkl, lkl as lklProcess } from '../command.ts';
import { keptLkl } from '../kept/kept.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const network = (to: string) =>
  Buffer.from(
    JSON.stringify({
      hosts: { a: {}, b: {} },
      links: [{ endpoints: ['a', 'b'], delay: '20ms' }],
      workloads: [{ type: 'ping', from: 'a', to, count: 3 }],
      capture: ['b'],
    }),
  );

it('shows the flows, and writes what was captured', async () => {
  const { exitCode, stdout } = lkl(['sim', '-', '--pcap', folder], network('b'));
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toMatch(/ping-0 +a → b +3 +3 +0 % +40 ms +40 ms +40 ms/);
  expect(readdirSync(folder)).toEqual(['b-eth0.pcapng']);
  expect(readFileSync(join(folder, 'b-eth0.pcapng')).readUInt32LE(0)).toBe(0x0a0d0d0a);
}, 120_000);

it('waits for a network that comes slowly', async () => {
  const child = feedLkl(['sim', '-']);
  const said = text(child.stderr);
  child.stdin.write(network('b').subarray(0, 20));
  // Longer than it takes to start: it finds the pipe empty.
  await setTimeout(2000);
  child.stdin.end(network('b').subarray(20));
  const [exitCode] = await once(child, 'close');
  expect({ exitCode, said: await said }).toEqual({ exitCode: 0, said: '' });
}, 120_000);

it('captures every node that has a link where the network names none', async () => {
  const { capture: _, ...silent } = JSON.parse(network('b').toString());
  const to = join(folder, 'all');
  const { exitCode } = lkl(['sim', '-', '--pcap', to], Buffer.from(JSON.stringify(silent)));
  expect(exitCode).toBe(0);
  expect(readdirSync(to).sort()).toEqual(['a-eth0.pcapng', 'b-eth0.pcapng']);
}, 120_000);

it('ends with 3 when a workload failed, and says which', async () => {
  const request = JSON.parse(network('b').toString());
  const workloads = [...request.workloads, { type: 'tcp', from: 'a', to: 'b', duration: '1s', congestion: 'none' }];
  const { exitCode, stdout } = lkl(['sim', '-'], Buffer.from(JSON.stringify({ ...request, workloads })));
  expect(exitCode).toBe(3);
  expect(stdout.toString()).toMatch(/^TCP .*FAILED\ntcp-1 .*no congestion control "none"/m);
}, 120_000);

it('has no deadline but that of --deadline, which its error names', async () => {
  const endless = {
    duration: '86400s',
    hosts: { a: {}, b: {} },
    links: [{ endpoints: ['a', 'b'], rate: '1gbit', delay: '1ms' }],
    workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
    deadline_ms: 1,
  };
  const { exitCode, stderr } = lkl(['sim', '-', '--deadline', '1.5'], Buffer.from(JSON.stringify(endless)));
  expect(exitCode).toBe(4);
  expect(stderr).toMatch(/^lkl: not done after the 1\.5 s of --deadline: it had come to [\d.]+ s of virtual time\n$/);
}, 120_000);

it('shows each kind of flow with what it has', async () => {
  const flows = [
    { type: 'rr', from: 'a', to: 'b', duration: '1s' },
    { type: 'udp', from: 'a', to: 'b', rate: '1mbit', duration: '1s' },
    { type: 'ping', from: 'a', to: 'b', count: 10 },
  ];
  const request = {
    seed: 1,
    hosts: { a: {}, b: {} },
    links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '5ms', jitter: '1ms', loss: '10%' }],
    workloads: flows,
  };
  const { exitCode, stdout } = lkl(['sim', '-'], Buffer.from(JSON.stringify(request)));
  expect(exitCode).toBe(0);
  const text = stdout.toString();
  expect(text).toMatch(/^RR +TIME +TRANSACTIONS +A SECOND +LATENCY MIN +P50 +P99$/m);
  expect(text).toMatch(/^UDP .*SENT +LOST +LOSS +JITTER +DELAY MIN +P50 +P99$/m);
  expect(text).toMatch(/^udp-1 .* [\d.]+ % .* ms/m);
  expect(text).toMatch(/^PING +SENT +RECEIVED +LOSS +RTT MIN +P50 +P99$/m);
}, 120_000);

it('makes no folder for a network that is refused', async () => {
  const { exitCode } = lkl(['sim', '-', '--pcap', join(folder, 'none')], network('z'));
  expect(exitCode).toBe(1);
  expect(existsSync(join(folder, 'none'))).toBe(false);
}, 120_000);

it('says where a network is wrong', async () => {
  const { exitCode, stderr } = lkl(['sim', '-'], network('z'));
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('workloads[0].to');
}, 120_000);

it('gives a pipe all of an answer that is longer than a pipe holds', async () => {
  const long = { ...JSON.parse(network('b').toString()), samples: { interval: '100us' } };
  const { exitCode, stdout } = await lklProcess(['sim', '-', '--json'], Buffer.from(JSON.stringify(long)));
  expect(exitCode).toBe(0);
  expect(stdout.length).toBeGreaterThan(500_000);
  expect(JSON.parse(stdout.toString()).samples.length).toBeGreaterThan(100);
}, 120_000);

it('says what looks like a slip, and goes on', async () => {
  const request = { ...JSON.parse(network('b').toString()), links: [{ endpoints: ['a', 'b'], rate: '100Mbps' }] };
  const { exitCode, stderr } = lkl(['sim', '-', '-q'], Buffer.from(JSON.stringify(request)));
  expect(exitCode).toBe(0);
  expect(stderr.toString()).toMatch(/^lkl: links\[0\]\.rate: "100Mbps" is bytes a second.*"100mbit"/m);
}, 120_000);

it('runs a sweep in processes of its own, and shows one table', async () => {
  const swept = { ...JSON.parse(network('b').toString()), sweep: { 'links[0].delay': ['10ms', '20ms'] } };
  const { exitCode, stdout } = lkl(
    ['sim', '-', '--sweep', 'workloads[0].count=2,3'],
    Buffer.from(JSON.stringify(swept)),
  );
  expect(exitCode).toBe(0);
  const lines = stdout.toString().trim().split('\n');
  expect(lines[0]).toMatch(/^links\[0\]\.delay +workloads\[0\]\.count +FLOW +P50 +P99 +LOSS$/);
  expect(lines.slice(1).map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
    ['10ms', '2', 'ping-0', '20 ms'],
    ['10ms', '3', 'ping-0', '20 ms'],
    ['20ms', '2', 'ping-0', '40 ms'],
    ['20ms', '3', 'ping-0', '40 ms'],
  ]);
}, 120_000);

it('says which run of a sweep cannot be before any runs, and at its place which sweep cannot', async () => {
  const bad = lkl(['sim', '-', '--sweep', 'links[0].delay=10ms,long'], network('b'));
  expect(bad).toMatchObject({ exitCode: 1, stdout: Buffer.alloc(0) });
  expect(bad.stderr.toString()).toContain('with links[0].delay = "long": "long" is no time');
  const all = lkl(['sim', '-', '--sweep', 'links[0].dely=10ms,20ms'], network('b'));
  expect(all.stderr.toString()).toBe('lkl: links[0].dely: there is no such member; "delay" is one\n');
  const nowhere = lkl(['sim', '-', '--sweep', 'links[1].delay=10ms'], network('b'));
  expect(nowhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('sweep["links[1].delay"]') });
}, 120_000);

it.each([
  [
    'ring.gml',
    `# three cities
graph [
  node [ id 0 label "São Paulo" ] node [ id 1 label "Rio" ] node [ id 2 label "Santos" role "host" ]
  edge [ source 0 target 1 LinkSpeedRaw 10000000.0 delay "5ms" ] edge [ source 1 target 2 rate "1mbit" ]
]`,
  ],
  [
    'ring.graphml',
    `<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key attr.name="label" attr.type="string" for="node" id="d0"/><key id="d1" for="edge" attr.name="rate"/>
<key id="d2" for="edge" attr.name="delay"/><key id="d3" for="node" attr.name="role"/>
<!-- <node id="not"/> --><graph edgedefault="undirected">
<node id="n0"><data key="d0">S&#227;o Paulo</data></node><node id="n1"><data key="d0">Rio</data></node>
<node id="n2"><data key="d0">Santos</data><data key="d3">host</data></node>
<edge source="n0" target="n1"><data key="d1">10mbit</data><data key="d2">5ms</data></edge>
<edge source="n1" target="n2"><data key="d1">1mbit</data></edge></graph></graphml>`,
  ],
])(
  'takes nodes and links of %s',
  async (name, text) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    const request = { hosts: {}, links: [], workloads: [{ type: 'ping', from: 'Sao-Paulo', to: 'Santos', count: 2 }] };
    const { exitCode, stdout } = lkl(['sim', '-', '--graph', file], Buffer.from(JSON.stringify(request)));
    expect({ exitCode, rtt: stdout.toString() }).toEqual({
      exitCode: 0,
      rtt: expect.stringMatching(/Sao-Paulo → Santos +2 +2 +0 % +10(\.\d+)? ms/),
    });
  },
  120_000,
);

it('says what is wrong with a graph', async () => {
  const file = join(folder, 'bad.gml');
  writeFileSync(file, 'graph [ node [ id 0 ] edge [ source 0 target 7 ] ]');
  const { exitCode, stderr } = lkl(['sim', '-', '--graph', file], network('b'));
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('an edge ends at 7') });
}, 120_000);

it('ends with 3 when a program or a system call failed that was not to', async () => {
  const simulate = (workload: object) =>
    lkl(['sim', '-', '-q'], Buffer.from(JSON.stringify({ hosts: { a: {} }, links: [], workloads: [workload] })));
  const command = 'ip link show eth9';
  const failed = await simulate({ type: 'exec', on: 'a', command });
  expect(failed.exitCode).toBe(3);
  expect(failed.stdout.toString()).toMatch(/FAILED\nexec-0 .* ended with 1: Device "eth9" does not exist/);
  expect((await simulate({ type: 'exec', on: 'a', command, exit: 1 })).exitCode).toBe(0);
  const call = { call: 'openat', args: ['AT_FDCWD', '/none', 'O_RDONLY'] };
  expect((await simulate({ type: 'syscalls', on: 'a', batch: [call] })).exitCode).toBe(3);
}, 120_000);
