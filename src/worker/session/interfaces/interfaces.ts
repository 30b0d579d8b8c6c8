/** The network cards of a session's kernel, and the cables in them: WebSockets that carry a frame a message. */

import { parseMac } from '../../../abi/netlink/inet.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import type { HostedTask } from '../../../kernel/hosted-task.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { NetDevice } from '../../../kernel/nets.ts';
import { unplugged } from '../../../kernel/virtio/net-backend.ts';
import { dhcp, type Lease } from '../../../network/dhcp/client.ts';
import type { UserNetwork } from '../../../network/user/user.ts';
import { socketCable } from '../../../network/websocket.ts';

export interface InterfaceInfo {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  /** A cable is in it. */
  readonly connected: boolean;
  readonly dropped: number;
}

export interface NewInterface {
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
}

const MOST = 8;

export class Interfaces {
  readonly #kernel: Kernel;
  readonly #host: Pick<Host, 'entropy'>;
  readonly #cables = new Map<string, WebSocket | UserNetwork>();

  constructor(kernel: Kernel, host: Pick<Host, 'entropy'>) {
    this.#kernel = kernel;
    this.#host = host;
  }

  /** Of those that have a cable: a kernel that is connected cannot be stored. */
  get connected(): readonly string[] {
    return [...this.#cables.keys()];
  }

  list(): readonly InterfaceInfo[] {
    return this.#kernel.nets.all.map((device) => this.#info(device));
  }

  get(name: string): InterfaceInfo {
    return this.#info(this.#device(name));
  }

  /** A card without a cable; its device is down. `task` tells Linux of it. */
  async add(task: HostedTask, { mac, mtu }: NewInterface): Promise<InterfaceInfo> {
    if (this.#kernel.nets.all.length >= MOST)
      throw new HostError('no-room', `a session has at most ${MOST} interfaces`);
    const identity = { ...(mac !== undefined && { mac: parseMac(mac) ?? new Uint8Array(6) }), mtu, offloads: 0n };
    return this.#info(await this.#kernel.nets.attach(unplugged, identity, task));
  }

  async remove(task: HostedTask, name: string): Promise<void> {
    const device = this.#device(name);
    await this.#kernel.nets.detach(device, task);
    this.#cables.delete(name);
  }

  /** Both ends of the socket are open to it. One cable at a time: the one before is pulled. `ended` is called when it is out. */
  async plug(name: string, socket: WebSocket, ended: () => void): Promise<void> {
    const device = this.#device(name);
    const cable = socketCable(socket);
    const pulled = () => {
      if (this.#cables.get(name) !== socket) return;
      this.#cables.delete(name);
      cable.closed();
      ended();
    };
    this.#cables.set(name, socket);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => cable.received(data));
    socket.addEventListener('close', pulled);
    socket.addEventListener('error', pulled);
    await this.#kernel.nets.replug(device, cable.backend);
  }

  /** Into a network that is this card's alone, and ends with it. */
  async connect(name: string, network: UserNetwork): Promise<void> {
    const device = this.#device(name);
    this.#cables.set(name, network);
    await this.#kernel.nets.replug(device, network);
  }

  /** Asks at the other end of the cable for an address; `again` is awaited each time that it asks. */
  async dhcp(task: HostedTask, name: string, again: () => Promise<void>): Promise<Lease> {
    const { index, mac } = this.#device(name);
    const id = new Uint8Array(4);
    this.#host.entropy(id);
    const device = { name, index, mac: parseMac(mac) ?? new Uint8Array(6) };
    return dhcp(task, device, new DataView(id.buffer).getUint32(0), again);
  }

  #device(name: string): NetDevice {
    const found = this.#kernel.nets.all.find((device) => device.name === name);
    if (found) return found;
    const names = this.#kernel.nets.all.map((device) => device.name).join(', ');
    throw new HostError('interface-not-found', `the session has ${names ? `the interfaces ${names}` : 'no interface'}`);
  }

  #info(device: NetDevice): InterfaceInfo {
    const { name, index, mac, dropped } = device;
    return { name, index, mac, dropped, connected: this.#cables.has(name) };
  }
}
