/** Devices that a host makes itself, as JSON: the words are those of ip-link(8), wg(8) and ip-macsec(8). */

import { z } from '@hono/zod-openapi';
import { count, flag, name, named, time } from './words.ts';

const common = {
  addresses: z
    .array(name)
    .optional()
    .openapi({ description: 'With their prefix lengths. Default: none.', example: ['192.168.9.1/24'] }),
  mtu: count("Bytes. Default: as Linux has it, such as the lower device's less what the tunnel adds.", 1400),
  mac: named('Ethernet address. Default: at random.', '02:00:00:00:09:01').optional(),
};
const outer = {
  remote: named('The other end: an address, or the name of its node.', 'b'),
  ttl: count('Of the outer packets; 0: as the inner one. Default: 0 (64 over IPv6).', 64),
  tos: count('Of the outer packets; 1: as the inner one. Default: 0.', 1),
};
const tunnel = {
  ...outer,
  local: named('The own end. Default: as the route says.', '10.0.0.1').optional(),
  dev: named('The device that its packets leave by. Default: as the route says.', 'eth0').optional(),
};
const members = z.array(name).openapi({
  description: 'Devices of the host that are part of it. They need `"addresses": []` where it is a bond or a bridge.',
  example: ['eth0', 'eth1'],
});
const lower = named('The device it stands on.', 'eth0');

const wireguardPeer = z.strictObject({
  node: named('The node at the other end, whose key and address follow; or `publicKey`.', 'b').optional(),
  dev: named('Its WireGuard device. Default: the first one.', 'wg0').optional(),
  publicKey: named('As wg(8) prints it.', 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=').optional(),
  presharedKey: named('As wg(8) prints it. Default: none.', 'FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=').optional(),
  endpoint: named(
    'Address and port; "none": the peer must speak first. Default: of the node.',
    '10.0.0.2:51820',
  ).optional(),
  allowed: z.array(name).openapi({ description: 'Networks that are behind the peer.', example: ['192.168.9.2/32'] }),
  keepalive: time('How often something is sent at least, in whole seconds. Default: never.', '25s'),
});

export const device = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('vxlan').openapi({ description: 'Ethernet in UDP.' }),
      id: z.int().openapi({ description: 'The VNI.', example: 42 }),
      ...tunnel,
      port: count('Of UDP. Default: 4789.', 4789),
      learning: flag('It learns which address is behind whom. Default: true.'),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('geneve').openapi({ description: 'Ethernet in UDP, RFC 8926.' }),
      id: z.int().openapi({ description: 'The VNI.', example: 42 }),
      ...outer,
      port: count('Of UDP. Default: 6081.', 6081),
      ...common,
    }),
    z.strictObject({
      kind: z.enum(['gre', 'gretap']).openapi({
        description: 'IP (gre) or Ethernet (gretap) in GRE, over IPv4 or IPv6 as its ends are.',
        example: 'gre',
      }),
      ...tunnel,
      key: count('The same at both ends. Default: none.', 7),
      ...common,
    }),
    z.strictObject({
      kind: z.enum(['ipip', 'sit', 'ip6tnl']).openapi({
        description: 'IPv4 in IPv4 (ipip), IPv6 in IPv4 (sit), both in IPv6 (ip6tnl).',
        example: 'sit',
      }),
      ...tunnel,
      ...common,
    }),
    z.strictObject({
      kind: z.literal('wireguard').openapi({ description: 'A WireGuard interface.' }),
      port: count('Of UDP. Default: 51820.', 51820),
      privateKey: named(
        'As wg(8) prints it. Default: chosen.',
        'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=',
      ).optional(),
      peers: z.array(wireguardPeer).openapi({
        description: 'With whom it speaks.',
        example: [{ node: 'b', allowed: ['192.168.9.2/32'] }],
      }),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('bond').openapi({ description: 'Several links as one.' }),
      members,
      mode: z
        .enum(['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'])
        .optional()
        .openapi({ description: 'Default: balance-rr.', example: 'active-backup' }),
      miimon: time('How often it looks at its links. Default: 100ms.', '100ms'),
      hash: z
        .enum(['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'])
        .optional()
        .openapi({ description: 'What decides which link a packet takes. Default: layer2.', example: 'layer3+4' }),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('vrf').openapi({ description: 'A routing table of its own for some devices.' }),
      table: z.int().openapi({ description: 'Its number; routes name it too.', example: 10 }),
      members,
      ...common,
    }),
    z.strictObject({
      kind: z.literal('bridge').openapi({ description: 'A bridge on the host.' }),
      members,
      stp: flag('It speaks the spanning tree protocol. Default: false.'),
      snooping: flag('It looks at IGMP and MLD. Default: false.'),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('macsec').openapi({ description: 'Ethernet frames encrypted and authenticated, 802.1AE.' }),
      dev: lower,
      peers: z.array(name).openapi({ description: 'Nodes on the same network whose MACsec it hears.', example: ['b'] }),
      key: named(
        '16 bytes in hex, the same at all ends. Default: zeros.',
        '000102030405060708090a0b0c0d0e0f',
      ).optional(),
      encrypt: flag('Or only authenticated. Default: true.'),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('macvlan').openapi({ description: 'Another Ethernet address on a device.' }),
      dev: lower,
      mode: z
        .enum(['private', 'vepa', 'bridge', 'passthru'])
        .optional()
        .openapi({ description: 'Default: bridge.', example: 'bridge' }),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('ipvlan').openapi({ description: 'Other addresses on a device.' }),
      dev: lower,
      mode: z.enum(['l2', 'l3', 'l3s']).optional().openapi({ description: 'Default: l2.', example: 'l3' }),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('vlan').openapi({ description: 'A VLAN of a device.' }),
      dev: lower,
      id: z.int().openapi({ description: 'Its number.', example: 10 }),
      ...common,
    }),
    z.strictObject({
      kind: z.literal('dummy').openapi({ description: 'A device that leads nowhere: for addresses.' }),
      ...common,
    }),
  ])
  .openapi('SimulationDevice');
