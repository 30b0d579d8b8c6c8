/** Generic netlink's wireguard: keys, port and peers of a device, as wg(8) sets them; include/uapi/linux/wireguard.h. */

import { AF, NLA_F } from '../constants.ts';
import { generic, genericAttributes, genericDump } from '../generic.ts';
import {
  type Attribute,
  attrU8,
  attrU16,
  attrU32,
  concat,
  maybe,
  type NetlinkMessage,
  type NetlinkRequest,
  present,
  raw,
} from '../message.ts';

export const WIREGUARD = 'wireguard';
const CMD = { GET_DEVICE: 0, SET_DEVICE: 1 } as const;
const DEVICE = { IFINDEX: 1, PRIVATE_KEY: 3, PUBLIC_KEY: 4, LISTEN_PORT: 6, PEERS: 8 } as const;
const PEER = { PUBLIC_KEY: 1, PRESHARED_KEY: 2, ENDPOINT: 4, KEEPALIVE: 5, ALLOWEDIPS: 9 } as const;
const ALLOWED = { FAMILY: 1, ADDRESS: 2, LENGTH: 3 } as const;

const nest = (type: number, attributes: readonly Attribute[]): Attribute =>
  raw(type | NLA_F.NESTED, concat(attributes));

export interface WireguardPeer {
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Uint8Array;
  /** Where it is reached; without one it must speak first. */
  readonly endpoint?: { readonly address: Uint8Array; readonly port: number };
  readonly keepaliveSeconds?: number;
  readonly allowed: readonly { readonly address: Uint8Array; readonly prefixLength: number }[];
}

export const setWireguardKey = (
  family: number,
  device: number,
  { privateKey, port }: { readonly privateKey: Uint8Array; readonly port: number },
): NetlinkRequest =>
  generic(family, CMD.SET_DEVICE, [
    attrU32(DEVICE.IFINDEX, device),
    raw(DEVICE.PRIVATE_KEY, privateKey),
    attrU16(DEVICE.LISTEN_PORT, port),
  ]);

export const setWireguardPeers = (family: number, device: number, peers: readonly WireguardPeer[]): NetlinkRequest =>
  generic(family, CMD.SET_DEVICE, [
    attrU32(DEVICE.IFINDEX, device),
    nest(
      DEVICE.PEERS,
      peers.map((peer) =>
        nest(
          0,
          present(
            raw(PEER.PUBLIC_KEY, peer.publicKey),
            maybe(raw, PEER.PRESHARED_KEY, peer.presharedKey),
            maybe(raw, PEER.ENDPOINT, peer.endpoint && sockaddr(peer.endpoint)),
            maybe(attrU16, PEER.KEEPALIVE, peer.keepaliveSeconds),
            nest(
              PEER.ALLOWEDIPS,
              peer.allowed.map(({ address, prefixLength }) =>
                nest(0, [
                  attrU16(ALLOWED.FAMILY, address.length === 4 ? AF.INET : AF.INET6),
                  raw(ALLOWED.ADDRESS, address),
                  attrU8(ALLOWED.LENGTH, prefixLength),
                ]),
              ),
            ),
          ),
        ),
      ),
    ),
  ]);

function sockaddr({ address, port }: { readonly address: Uint8Array; readonly port: number }): Uint8Array {
  const isIpv4 = address.length === 4;
  const bytes = new Uint8Array(isIpv4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIpv4 ? AF.INET : AF.INET6, true);
  view.setUint16(2, port);
  bytes.set(address, isIpv4 ? 4 : 8);
  return bytes;
}

export const getWireguard = (family: number, device: number): NetlinkRequest =>
  genericDump(family, CMD.GET_DEVICE, [attrU32(DEVICE.IFINDEX, device)]);
/** The public key that the kernel has for the private one. */
export const parseWireguardKey = (message: NetlinkMessage): Uint8Array | undefined =>
  genericAttributes(message).get(DEVICE.PUBLIC_KEY);
