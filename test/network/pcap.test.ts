/** Captures of frames: written, replayed, and refused. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseMac } from '../../src/abi/netlink/inet.ts';
import { link } from '../../src/network/link.ts';
import { captured, parsePcap, pcapHeader, pcapRecord } from '../../src/network/pcap.ts';
import { nodeHost } from '../../src/node/host.ts';
import { attachInterface } from '../../src/node/net/attach.ts';
import { configure, kernelWith, ping } from './hosts.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-pcap-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** So that the kernel which hears them is up by then: half a second after the first. */
const late = (n: number): number => 1e18 + (n > 1 ? 5e8 : 0) + n * 1e6;
const mac = parseMac('02:00:00:00:00:02') ?? new Uint8Array(6);

it('what one kernel was sent is replayed to another, which answers the same', async () => {
  const [a, b] = [kernelWith('wall'), kernelWith('wall')];
  const [left, right] = link({ offloads: 0n });
  const records: Uint8Array[] = [pcapHeader()];
  const toB = captured(left, (frame) => records.push(pcapRecord(frame, late(records.length))));
  const one = await a.nets.attach(toB);
  const two = await b.nets.attach(right, { mac });
  await configure(a, one.index, '10.0.0.1');
  await configure(b, two.index, '10.0.0.2');
  b.init.detach();
  expect(await ping(a, '10.0.0.2')).toMatchObject({ ok: true });
  for (const kernel of [a, b]) kernel.kill();
  const file = join(folder, 'in.pcap');
  const out = join(folder, 'out.pcap');
  writeFileSync(file, Buffer.concat(records));
  const again = kernelWith('wall');
  const card = await attachInterface(again, { type: 'pcap', param: `${file}|${out}`, mac });
  await configure(again, card.index, '10.0.0.2');
  again.init.detach();
  const replies = () =>
    parsePcap(readFileSync(out)).filter(
      ({ frame }) => frame[12] === 8 && frame[13] === 0 && frame[23] === 1 && frame[34] === 0,
    );
  // The one that was replayed, and its own.
  while (replies().length < 2) await nodeHost.pause(10);
  expect(replies().length).toBe(2);
  again.kill();
});

it('captures of both byte orders and both units are read; what is none, or cut, is refused', () => {
  const frame = new Uint8Array(60).fill(7);
  const own = Buffer.concat([pcapHeader(), pcapRecord(frame, 5e9), pcapRecord(frame, 5.5e9 + 1)]);
  expect(parsePcap(own).map(({ afterNs }) => afterNs)).toEqual([0, 500_000_001]);
  const big = new DataView(new ArrayBuffer(24 + 16 + 60));
  big.setUint32(0, 0xa1b2_c3d4);
  big.setUint32(20, 1);
  big.setUint32(24 + 8, 60);
  big.setUint32(24 + 12, 60);
  expect(parsePcap(new Uint8Array(big.buffer))).toHaveLength(1);
  big.setUint32(24 + 12, 1000); // cut when it was captured
  expect(parsePcap(new Uint8Array(big.buffer))).toEqual([]);
  big.setUint32(20, 113);
  expect(() => parsePcap(new Uint8Array(big.buffer))).toThrow('no capture of Ethernet');
  for (let cut = 25; cut < own.length; cut += 7)
    if (cut !== 24 + 76) expect(() => parsePcap(own.subarray(0, cut))).toThrow('cut off');
  for (const length of [0, 3, 23]) expect(() => parsePcap(own.subarray(0, length))).toThrow('no pcap file');
});
