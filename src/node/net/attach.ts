/** An interface of LKL's words, by type and param, as a network card of a kernel. */

import { formatMac } from '../../abi/netlink/inet.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { NetDevice } from '../../kernel/nets.ts';
import { ALL_OFFLOADS, type NetBackend, OFFLOADS } from '../../kernel/virtio/net-backend.ts';
import { captured } from '../../network/pcap.ts';
import { InterfaceError } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';
import { openPcap, write } from './pcap.ts';
import { openPipe } from './pipe.ts';
import { openRaw } from './raw.ts';
import { openMacvtap, openTap } from './tap.ts';
import { openUser } from './user.ts';
import { openVde } from './vde.ts';
import { openWebSocket } from './ws.ts';

export interface InterfaceSpec {
  readonly type: string;
  readonly param?: string | undefined;
  /** Six bytes. Default: random, locally administered. */
  readonly mac?: Uint8Array | undefined;
  /** The MTU that the device begins with and may have at most. Default: 1500, and up to 65,535. */
  readonly mtu?: number | undefined;
  /** Bits of virtio-net's features, as LKL has them. Default: all that the back end can do; of `pipe`, none. */
  readonly offload?: number | bigint | undefined;
  /** A file that all frames are captured into, both ways (pcap). */
  readonly capture?: string | undefined;
}

export interface AttachedInterface {
  /** As Linux named it: `eth0` … */
  readonly name: string;
  /** Its ifindex. */
  readonly index: number;
  readonly mac: string;
  readonly device: NetDevice;
  /** `tap lkl0` */
  readonly what: string;
  /** What is not as it was asked for. */
  readonly warnings: readonly string[];
  /** Pull the card; the back end is closed, and what it made of the machine's is gone. */
  detach(): Promise<void>;
}

type Open = (param: string, wanted: bigint) => OpenedInterface | Promise<OpenedInterface>;

const types: Readonly<Record<string, { readonly open: Open; readonly offloads: bigint }>> = {
  tap: { open: openTap, offloads: ALL_OFFLOADS },
  macvtap: { open: openMacvtap, offloads: ALL_OFFLOADS },
  raw: { open: openRaw, offloads: ALL_OFFLOADS },
  pipe: { open: openPipe, offloads: 0n },
  vde: { open: openVde, offloads: 0n },
  user: { open: openUser, offloads: ALL_OFFLOADS },
  pcap: { open: openPcap, offloads: 0n },
  ws: { open: openWebSocket, offloads: 0n },
};

/** What `type` may be. */
export const interfaceTypes: readonly string[] = Object.keys(types);

/** bit 15 of LKL's mask, which is always on: large frames come in several buffers. */
const MRG_RXBUF = 1n << 15n;
const MTU_MIN = 68;
const MTU_MAX = 65_535;

/** Plugs it in; its device is there, and down. Rejects with InterfaceError, and nothing is attached. Calls are made by the kernel's first task. */
export async function attachInterface(kernel: Kernel, spec: InterfaceSpec): Promise<AttachedInterface> {
  const { type, param = '', mac, mtu } = spec;
  const row = Object.hasOwn(types, type) ? types[type] : undefined;
  if (!row) throw new InterfaceError(unknownType(type));
  mustBeCard(mac);
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= MTU_MIN && mtu <= MTU_MAX))
    throw new InterfaceError(`${type} ${param}: an MTU is ${MTU_MIN} to ${MTU_MAX}`);
  const wanted = spec.offload === undefined ? row.offloads : BigInt(spec.offload);
  const file = spec.capture === undefined ? undefined : write(`capture ${spec.capture}`, spec.capture);
  const {
    backend: opened,
    what,
    mac: own,
    warnings = [],
  } = await Promise.resolve()
    .then(() => row.open(param, wanted))
    .catch((cause: unknown) => {
      file?.close();
      throw cause;
    });
  const backend = file ? closing(captured(opened, file.add), file.close) : opened;
  const lost = spec.offload === undefined ? 0n : wanted & ~backend.offloads & ~MRG_RXBUF;
  const card = mac ?? own;
  const device = await kernel.nets.attach(backend, { ...(card && { mac: card }), mtu, offloads: wanted });
  const { name, index, mac: given } = device;
  return {
    name,
    index,
    mac: given,
    device,
    what,
    warnings: lost === 0n ? warnings : [...warnings, `${what}: offloads ${namesOf(lost)} are not there with this type`],
    detach: () => kernel.nets.detach(device),
  };
}

/** With something else that ends with it. */
const closing = (backend: NetBackend, end: () => void): NetBackend => ({
  ...backend,
  async close() {
    await backend.close();
    end();
  },
});

function unknownType(type: string): string {
  if (type === 'dpdk')
    return 'dpdk: its drivers own the network card of a machine, which Node cannot; use raw or macvtap';
  return `${JSON.stringify(type)} is no type of interface: ${interfaceTypes.join(', ')}`;
}

function mustBeCard(mac: Uint8Array | undefined): void {
  if (mac === undefined) return;
  const isGroup = ((mac[0] ?? 0) & 1) !== 0;
  if (mac.length !== 6 || isGroup || mac.every((byte) => byte === 0))
    throw new InterfaceError(`${formatMac(mac)} is no address of one network card`);
}

function namesOf(bits: bigint): string {
  const known = Object.entries(OFFLOADS).filter(([, bit]) => (bits & bit) !== 0n);
  const rest = known.reduce((left, [, bit]) => left & ~bit, bits);
  return [...known.map(([name]) => name), ...(rest === 0n ? [] : [`0x${rest.toString(16)}`])].join(', ');
}
