/** Tunnels, bonds and other devices, routes of several nexthops and rules are made as ip(8) makes them: golden bytes of scripts/record/record-netlink.ts. */

import { describe, expect, test } from 'vitest';
import { newRoute, newRule } from './address.ts';
import { AF } from './constants.ts';
import { parseIp } from './inet.ts';
import golden from './iproute2-links.golden.json';
import { newLink } from './links/link.ts';
import { frame, type NetlinkRequest } from './message.ts';

const ip = (text: string) => parseIp(text) ?? expect.fail(`${text} is an address`);
const [local, remote] = [ip('10.0.0.1'), ip('10.0.0.2')];
const [local6, remote6] = [ip('fd00::1'), ip('fd00::2')];
const lo = 1;

const ours: Record<keyof typeof golden, NetlinkRequest> = {
  'ip link add vx0 type vxlan id 42 local 10.0.0.1 remote 10.0.0.2 dev lo dstport 4789 ttl 5': newLink(
    { kind: 'vxlan', id: 42, local, remote, device: lo, port: 4789, ttl: 5, learning: true },
    { name: 'vx0' },
  ),
  'ip link add vx6 type vxlan id 42 remote fd00::2 dstport 8472 nolearning': newLink(
    { kind: 'vxlan', id: 42, remote: remote6, port: 8472, learning: false },
    { name: 'vx6' },
  ),
  'ip link add gv0 type geneve id 42 remote 10.0.0.2 dstport 6081': newLink(
    { kind: 'geneve', id: 42, remote, port: 6081 },
    { name: 'gv0' },
  ),
  'ip link add gre1 type gre local 10.0.0.1 remote 10.0.0.2 ttl 64 key 7 dev lo': newLink(
    { kind: 'gre', local, remote, ttl: 64, key: 7, device: lo },
    { name: 'gre1' },
  ),
  'ip link add gre2 type gretap remote 10.0.0.2': newLink({ kind: 'gretap', remote }, { name: 'gre2' }),
  'ip link add gre6 type ip6gre local fd00::1 remote fd00::2': newLink(
    { kind: 'ip6gre', local: local6, remote: remote6, ttl: 64 },
    { name: 'gre6' },
  ),
  'ip link add ipip1 type ipip local 10.0.0.1 remote 10.0.0.2': newLink(
    { kind: 'ipip', local, remote },
    { name: 'ipip1' },
  ),
  'ip link add sit1 type sit local 10.0.0.1 remote 10.0.0.2 ttl 9': newLink(
    { kind: 'sit', local, remote, ttl: 9 },
    { name: 'sit1' },
  ),
  'ip link add tnl1 type ip6tnl mode any local fd00::1 remote fd00::2': newLink(
    { kind: 'ip6tnl', local: local6, remote: remote6, ttl: 64 },
    { name: 'tnl1' },
  ),
  'ip link add b0 type bond mode active-backup miimon 100 xmit_hash_policy layer3+4': newLink(
    { kind: 'bond', mode: 'active-backup', miimonMs: 100, hash: 'layer3+4' },
    { name: 'b0' },
  ),
  'ip link add vrf0 type vrf table 10': newLink({ kind: 'vrf', table: 10 }, { name: 'vrf0' }),
  'ip link add link lo m0 type macsec port 1 encrypt on': newLink(
    { kind: 'macsec', link: lo, port: 1, encrypt: true },
    { name: 'm0' },
  ),
  'ip link add link lo mv0 type macvlan mode bridge': newLink(
    { kind: 'macvlan', link: lo, mode: 'bridge' },
    { name: 'mv0' },
  ),
  'ip link add link lo iv0 type ipvlan mode l3': newLink({ kind: 'ipvlan', link: lo, mode: 'l3' }, { name: 'iv0' }),
  'ip link add wg0 type wireguard': newLink({ kind: 'wireguard' }, { name: 'wg0' }),
  'ip route replace 10.9.0.0/16 nexthop via 10.0.0.2 dev lo weight 2 nexthop via 10.0.0.3 dev lo weight 1': newRoute({
    family: AF.INET,
    destination: { address: ip('10.9.0.0'), prefixLength: 16 },
    nexthops: [
      { gateway: remote, device: lo, weight: 2 },
      { gateway: ip('10.0.0.3'), device: lo, weight: 1 },
    ],
  }),
  'ip rule add fwmark 7 from 10.0.0.0/8 iif lo lookup 1000 priority 100': newRule({
    family: AF.INET,
    from: { address: ip('10.0.0.0'), prefixLength: 8 },
    fwmark: 7,
    iif: 'lo',
    table: 1000,
    priority: 100,
  }),
};

const IFLA_LINKINFO = 18;

/** Of an encapsulation (FOU, ERSPAN) that there is none of: ENCAP_FLAGS and ERSPAN_VER. */
const unused: Readonly<Record<string, readonly number[]>> = { ip6gre: [15, 22], ip6tnl: [16] };

/** Attributes by number, however they are ordered, without those that are nothing but zeros: what ip adds unasked. */
function attributes(bytes: Uint8Array, nests: readonly number[] = [IFLA_LINKINFO, 2]): Record<string, unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Record<string, unknown> = {};
  for (let at = 0; at + 4 <= bytes.length; at += (view.getUint16(at, true) + 3) & ~3) {
    const type = view.getUint16(at + 2, true) & 0x3fff;
    const payload = bytes.subarray(at + 4, at + view.getUint16(at, true));
    if (type === nests[0]) found[type] = attributes(payload, nests.slice(1));
    else if (payload.some((byte) => byte !== 0)) found[type] = leaf(payload);
  }
  return found;
}
/** ip ends some strings with a NUL and some not. */
const leaf = (payload: Uint8Array): string => {
  const text = Buffer.from(payload).toString('latin1').replace(/\0$/, '');
  return /^[a-z]\w{2,}$/.test(text) ? text : Buffer.from(payload).toString('hex');
};
const told = (bytes: Uint8Array) => {
  const isLink = bytes[4] === 16;
  const head = 16 + (isLink ? 16 : 12);
  const found = attributes(bytes.subarray(head), isLink ? undefined : []);
  const info = found[IFLA_LINKINFO] as Record<number, unknown> | undefined;
  const data = info?.[2] as Record<number, unknown> | undefined;
  for (const type of unused[String(info?.[1])] ?? []) delete data?.[type];
  return { header: Buffer.from(bytes.subarray(4, head)).toString('hex'), attributes: found };
};

describe('ip(8) sends', () => {
  test.each(Object.keys(golden) as (keyof typeof golden)[])('%s', (command) => {
    const sent = Uint8Array.from(Buffer.from(golden[command], 'hex'));
    expect(told(frame(ours[command], 0))).toEqual(told(sent));
  });
});
