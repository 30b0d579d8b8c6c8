/** Makes the devices of hosts: as ip-link(8), wg(8) and ip-macsec(8) would, in each host's namespace. */

import { newAddress } from '../../abi/netlink/address.ts';
import { NETLINK } from '../../abi/netlink/constants.ts';
import { getFamily, parseFamily } from '../../abi/netlink/generic.ts';
import { newLink, setLink } from '../../abi/netlink/links/link.ts';
import { addMacsecReceiver, addMacsecSender, MACSEC } from '../../abi/netlink/links/macsec.ts';
import {
  getWireguard,
  parseWireguardKey,
  setWireguardKey,
  setWireguardPeers,
  WIREGUARD,
} from '../../abi/netlink/links/wireguard.ts';
import { CLONE } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close } from '../../kernel/syscalls/file.ts';
import { setns } from '../../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { toBytes } from '../plan/routes/prefix.ts';
import type { Node } from '../plan/topology.ts';
import { seededRandom } from '../run/random.ts';
import { type AskedMessage, askedAt, sendAsked } from '../run/refused.ts';
import type { DevicePlan } from './plan-devices.ts';

/** Devices and what they are made of; addresses come when all of a host's devices are there. */
export const makeDevices = (devices: readonly DevicePlan[]): AskedMessage[] => [
  ...devices.flatMap(({ place, name, index, kind, mtu, mac }) =>
    askedAt(place, newLink(kind, { name, index, ...(mtu !== undefined && { mtu }), ...(mac && { address: mac }) })),
  ),
  ...devices.flatMap(({ place, index, members, kind }) =>
    members.flatMap((member, i) =>
      askedAt(
        place.at('members').at(i),
        // A bond takes in devices that are down, and takes them up itself.
        ...(kind.kind === 'bond' ? [setLink(member, { up: false })] : []),
        setLink(member, { master: index }),
      ),
    ),
  ),
  ...devices.flatMap(({ place, index }) => askedAt(place, setLink(index, { up: true }))),
];

export const addressDevices = (devices: readonly DevicePlan[]): AskedMessage[] =>
  devices.flatMap(({ place, index, addresses }) =>
    addresses.flatMap((address, i) =>
      askedAt(place.at('addresses').at(i), newAddress(index, toBytes(address), address.prefixLength)),
    ),
  );

interface Host {
  readonly node: Node;
  readonly fd: number;
  readonly devices: readonly DevicePlan[];
}

/** Keys and peers, once every device is there. Leaves the task in the namespace of the last host. */
export async function setUpKeys(task: UserTask, hosts: readonly Host[], seed: number): Promise<void> {
  const keys = new Map<string, Uint8Array>();
  const guarded = hosts.filter(({ devices }) => devices.some(({ wireguard }) => wireguard));
  for (const host of guarded)
    await withFamily(task, host, WIREGUARD, async (socket, family) => {
      for (const { name, index, place, wireguard } of host.devices) {
        if (!wireguard) continue;
        const privateKey = wireguard.privateKey ?? chosenKey(seed, host.node.name, name);
        await sendAsked(socket, askedAt(place, setWireguardKey(family, index, { privateKey, port: wireguard.port })));
        const [answer] = await socket.ask(getWireguard(family, index));
        const key = answer && parseWireguardKey(answer);
        if (key) keys.set(`${host.node.name} ${name}`, key);
      }
    });
  for (const host of guarded)
    await withFamily(task, host, WIREGUARD, async (socket, family) => {
      for (const { index, wireguard } of host.devices)
        for (const { place, key, ...peer } of wireguard?.peers ?? []) {
          const publicKey = key instanceof Uint8Array ? key : keys.get(`${key.node} ${key.device}`);
          if (publicKey)
            await sendAsked(socket, askedAt(place, setWireguardPeers(family, index, [{ publicKey, ...peer }])));
        }
    });
  for (const host of hosts.filter(({ devices }) => devices.some(({ macsec }) => macsec)))
    await withFamily(task, host, MACSEC, async (socket, family) => {
      for (const { place, index, macsec } of host.devices) {
        if (!macsec) continue;
        const { key, peers } = macsec;
        await sendAsked(socket, askedAt(place, addMacsecSender(family, index, key)));
        for (const peer of peers)
          await sendAsked(
            socket,
            askedAt(peer.place, ...addMacsecReceiver(family, index, { mac: peer.mac, port: 1, key })),
          );
      }
    });
}

async function withFamily(
  task: UserTask,
  { fd }: Host,
  name: string,
  use: (socket: NetlinkSocket, family: number) => Promise<void>,
): Promise<void> {
  must('setns', await setns(task, fd, CLONE.NEWNET));
  const socket = await NetlinkSocket.open(task, NETLINK.GENERIC);
  const [answer] = await socket.ask(getFamily(name));
  await use(socket, (answer && parseFamily(answer)) ?? 0);
  await close(task, socket.fd);
}

const KEY_BYTES = 32;

/** The same for the same request and seed. */
function chosenKey(seed: number, node: string, device: string): Uint8Array {
  const random = seededRandom(seed, `wireguard ${node} ${device}`);
  return Uint8Array.from({ length: KEY_BYTES }, () => Math.floor(random() * 256));
}
