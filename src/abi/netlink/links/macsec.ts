/** Generic netlink's macsec: the keys of a MACsec device and who it hears, as ip-macsec(8) sets them; include/uapi/linux/if_macsec.h. */

import { NLA_F } from '../constants.ts';
import { generic } from '../generic.ts';
import { type Attribute, attrU8, attrU32, concat, type NetlinkRequest, raw } from '../message.ts';

export const MACSEC = 'macsec';
const CMD = { ADD_RXSC: 1, ADD_TXSA: 4, ADD_RXSA: 7 } as const;
const ATTR = { IFINDEX: 1, RXSC_CONFIG: 2, SA_CONFIG: 3 } as const;
const RXSC = { SCI: 1, ACTIVE: 2 } as const;
const SA = { AN: 1, ACTIVE: 2, PN: 3, KEY: 4, KEYID: 5 } as const;

const nest = (type: number, attributes: readonly Attribute[]): Attribute =>
  raw(type | NLA_F.NESTED, concat(attributes));

/** The first association: packets are numbered from 1. */
const association = (key: Uint8Array): Attribute =>
  nest(ATTR.SA_CONFIG, [
    attrU8(SA.AN, 0),
    attrU32(SA.PN, 1),
    raw(SA.KEYID, Uint8Array.of(1, ...new Uint8Array(15))),
    raw(SA.KEY, key),
    attrU8(SA.ACTIVE, 1),
  ]);

/** What the device itself sends. */
export const addMacsecSender = (family: number, device: number, key: Uint8Array): NetlinkRequest =>
  generic(family, CMD.ADD_TXSA, [attrU32(ATTR.IFINDEX, device), association(key)]);

/** Whom it hears: a station by its Ethernet address and port. */
export function addMacsecReceiver(
  family: number,
  device: number,
  { mac, port, key }: { readonly mac: Uint8Array; readonly port: number; readonly key: Uint8Array },
): NetlinkRequest[] {
  const sci = Uint8Array.of(...mac, port >>> 8, port & 0xff);
  const channel = nest(ATTR.RXSC_CONFIG, [raw(RXSC.SCI, sci)]);
  return [
    generic(family, CMD.ADD_RXSC, [
      attrU32(ATTR.IFINDEX, device),
      nest(ATTR.RXSC_CONFIG, [raw(RXSC.SCI, sci), attrU8(RXSC.ACTIVE, 1)]),
    ]),
    generic(family, CMD.ADD_RXSA, [attrU32(ATTR.IFINDEX, device), channel, association(key)]),
  ];
}
