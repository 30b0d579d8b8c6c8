/** Keys and peers of WireGuard devices. */

import { parseIp } from '../../abi/netlink/inet.ts';
import type { WireguardPeerSpec, WireguardSpec } from '../plan/device-spec.ts';
import type { Place } from '../plan/issue.ts';
import { networkOf, parsePrefix, toBytes } from '../plan/routes/prefix.ts';
import { readTime } from '../plan/words.ts';
import { type DeviceContext, findEnd, readPort } from './context.ts';

export interface WireguardPeerPlan {
  readonly place: Place;
  /** A key; or the device of a node, whose key Linux knows. */
  readonly key: Uint8Array | { readonly node: string; readonly device: string };
  readonly presharedKey?: Uint8Array;
  readonly endpoint?: { readonly address: Uint8Array; readonly port: number };
  readonly keepaliveSeconds?: number;
  readonly allowed: readonly { readonly address: Uint8Array; readonly prefixLength: number }[];
}
export interface WireguardPlan {
  readonly port: number;
  /** Undefined: one is chosen. */
  readonly privateKey?: Uint8Array;
  readonly peers: readonly WireguardPeerPlan[];
}

const DEFAULT_PORT = 51_820;

export function planWireguard(place: Place, spec: WireguardSpec, context: DeviceContext): WireguardPlan {
  const privateKey = readKey(place.at('privateKey'), spec.privateKey);
  return {
    port: readPort(place, spec.port, DEFAULT_PORT),
    ...(privateKey && { privateKey }),
    peers: spec.peers.flatMap((peer, i) => planPeer(place.at('peers').at(i), peer, context) ?? []),
  };
}

function planPeer(place: Place, spec: WireguardPeerSpec, context: DeviceContext): WireguardPeerPlan | undefined {
  const key = readPeerKey(place, spec, context);
  const presharedKey = readKey(place.at('presharedKey'), spec.presharedKey);
  const endpoint = readEndpoint(place, spec, context);
  const keepaliveNs = readTime(place.at('keepalive'), spec.keepalive);
  if (spec.allowed.length === 0)
    place.at('allowed').fail('bad-option', 'networks that are behind the peer: one at least');
  const allowed = spec.allowed.flatMap((text, i) => {
    const prefix = parsePrefix(text);
    if (!prefix)
      return (
        place
          .at('allowed')
          .at(i)
          .fail('bad-address', `${JSON.stringify(text)} is no network`) ?? []
      );
    return [{ address: toBytes(networkOf(prefix)), prefixLength: prefix.prefixLength }];
  });
  return (
    key && {
      place,
      key,
      ...(presharedKey && { presharedKey }),
      ...(endpoint && { endpoint }),
      ...(keepaliveNs !== undefined && {
        keepaliveSeconds: Math.min(65_535, Math.max(1, Math.round(keepaliveNs / 1e9))),
      }),
      allowed,
    }
  );
}

function readPeerKey(
  place: Place,
  { node, dev, publicKey }: WireguardPeerSpec,
  { topology }: DeviceContext,
): WireguardPeerPlan['key'] | undefined {
  if ((node === undefined) === (publicKey === undefined))
    return place.fail('bad-option', 'a peer is a node or a publicKey');
  if (publicKey !== undefined) return readKey(place.at('publicKey'), publicKey);
  const other = topology.nodes.get(node ?? '');
  if (!other) return place.at('node').fail('unknown-node', `there is no node ${JSON.stringify(node)}`);
  const devices = Object.entries(other.spec.devices ?? {}).flatMap(([name, one]) =>
    one.kind === 'wireguard' ? [name] : [],
  );
  const [first] = dev === undefined ? devices : devices.filter((name) => name === dev);
  if (first === undefined)
    return place
      .at(dev === undefined ? 'node' : 'dev')
      .fail('bad-option', `${node} has no WireGuard device${dev === undefined ? '' : ` ${dev}`}`);
  return { node: other.name, device: first };
}

/** 32 bytes in base64. */
function readKey(place: Place, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text))
    return place.fail('bad-option', 'a key is 32 bytes in base64, as wg(8) prints it');
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function readEndpoint(place: Place, spec: WireguardPeerSpec, context: DeviceContext): WireguardPeerPlan['endpoint'] {
  const at = place.at('endpoint');
  if (spec.endpoint === 'none') return undefined;
  if (spec.endpoint !== undefined) {
    const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(spec.endpoint) ?? [];
    const address = parseIp(bracketed ?? plain ?? '');
    if (!address || Number(port) < 1 || Number(port) > 65_535)
      return at.fail('bad-address', `${JSON.stringify(spec.endpoint)} is no address and port`);
    return { address, port: Number(port) };
  }
  if (spec.node === undefined) return undefined;
  const address = findEnd(place.at('node'), spec.node, context);
  const device = Object.entries(context.topology.nodes.get(spec.node)?.spec.devices ?? {}).find(
    ([name, one]) => one.kind === 'wireguard' && (spec.dev === undefined || name === spec.dev),
  )?.[1];
  const port = device?.kind === 'wireguard' ? (device.port ?? DEFAULT_PORT) : DEFAULT_PORT;
  return address && { address: toBytes(address), port };
}
