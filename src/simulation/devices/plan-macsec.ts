/** Keys of MACsec devices, and the stations they hear. */

import type { MacsecSpec } from '../plan/device-spec.ts';
import type { Place } from '../plan/issue.ts';
import type { DeviceContext } from './context.ts';

export interface MacsecPlan {
  readonly key: Uint8Array;
  /** Ethernet addresses of the ports below the others' devices. */
  readonly peers: readonly { readonly place: Place; readonly mac: Uint8Array }[];
}

const KEY_BYTES = 16;

export function planMacsec(place: Place, spec: MacsecSpec, { node, topology }: DeviceContext): MacsecPlan {
  const key = spec.key ?? '00'.repeat(KEY_BYTES);
  if (!/^[0-9a-f]{32}$/i.test(key)) place.at('key').fail('bad-option', `a key is ${KEY_BYTES} bytes, 32 digits in hex`);
  const peers = spec.peers.flatMap((name, i) => {
    const at = place.at('peers').at(i);
    const peer = topology.nodes.get(name);
    if (!peer || peer === node) return at.fail('unknown-node', `there is no other node ${JSON.stringify(name)}`) ?? [];
    const below = Object.values(peer.spec.devices ?? {}).flatMap((one) => (one.kind === 'macsec' ? [one.dev] : []));
    const ports = peer.ports.filter((port) => below.includes(port.name));
    if (ports.length === 0) return at.fail('bad-option', `${name} has no MACsec on a port of its own`) ?? [];
    return ports.map(({ mac }) => ({ place: at, mac }));
  });
  return { key: Uint8Array.from(key.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)), peers };
}
