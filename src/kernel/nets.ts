/** The network cards of a kernel: plugged in and pulled while it runs, saved with it, and given other cables. */

import { formatMac } from '../abi/netlink/inet.ts';
import type { Engine } from './engine.ts';
import type { HostedTask } from './hosted-task.ts';
import { readNames, readText } from './sysfs.ts';
import type { UserTask } from './user-task.ts';
import { bindSlot, slotPath, unbindSlot } from './virtio/driver.ts';
import type { TransportState } from './virtio/mmio.ts';
import { type NetIdentity, VirtioNet } from './virtio/net.ts';
import { type NetBackend, unplugged } from './virtio/net-backend.ts';

/** A card that Linux knows. */
export interface NetDevice {
  readonly slot: number;
  /** As Linux named it when it came: `eth0` … A guest may rename it. */
  readonly name: string;
  /** Its ifindex in the first network namespace. */
  readonly index: number;
  readonly mac: string;
  /** What the back end said when a frame could not be sent last. */
  readonly lastError: unknown;
  /** Frames that came faster than the kernel took them, and were lost. */
  readonly dropped: number;
}

/** A card as a snapshot keeps it. What it was connected with is not in there. */
export interface SavedNet {
  readonly slot: number;
  readonly name: string;
  readonly index: number;
  readonly mac: readonly number[];
  readonly mtu?: number;
  /** In decimal. */
  readonly offloads: string;
  readonly transport: TransportState;
}

interface Card {
  readonly net: VirtioNet;
  readonly device: NetDevice;
}

/** Without a mac: one of those that nobody has been given (IEEE 802, locally administered), and no group's. */
const LOCAL = 0x02;
const GROUP = 0x01;

export class Nets {
  readonly #engine: Engine;
  readonly #init: HostedTask;
  readonly #cards = new Map<number, Card>();

  constructor(engine: Engine, init: HostedTask) {
    this.#engine = engine;
    this.#init = init;
    engine.onDeath(() => {
      for (const { net } of this.#cards.values()) net.close().catch(() => {});
    });
  }

  get all(): readonly NetDevice[] {
    return [...this.#cards.values()].map(({ device }) => device);
  }

  /**
   * Plug a card in; Linux has its device, down, in the first network namespace when this settles. `backend` is closed with it, and
   * when this rejects. `task` tells Linux of it.
   */
  async attach(
    backend: NetBackend,
    identity: Partial<NetIdentity> = {},
    task: UserTask = this.#init,
  ): Promise<NetDevice> {
    const mac = identity.mac ?? this.#randomMac();
    let plugged: { readonly slot: number; readonly net: VirtioNet } | undefined;
    try {
      plugged = this.#plug(backend, { ...identity, mac });
      const { slot, net } = plugged;
      await bindSlot(task, slot);
      const { name, index } = await found(task, slot);
      const device = describe(net, { slot, name, index });
      this.#cards.set(slot, { net, device });
      return device;
    } catch (cause) {
      if (plugged) await this.#pull(plugged.slot, plugged.net);
      else await backend.close();
      throw cause;
    }
  }

  /** Pull a card: Linux forgets its device, with its addresses and routes. */
  async detach({ slot }: Pick<NetDevice, 'slot'>, task: UserTask = this.#init): Promise<void> {
    const card = this.#cards.get(slot);
    if (!card) throw new RangeError(`there is no network card in slot ${slot}`);
    await unbindSlot(task, slot);
    this.#cards.delete(slot);
    await this.#pull(slot, card.net);
  }

  /** Another cable for a card: what was behind it is closed. */
  async replug({ slot }: Pick<NetDevice, 'slot'>, backend: NetBackend): Promise<void> {
    const card = this.#cards.get(slot);
    if (!card) throw new RangeError(`there is no network card in slot ${slot}`);
    await card.net.replug(backend);
  }

  /** The cards, as a snapshot keeps them. */
  get saved(): readonly SavedNet[] {
    return [...this.#cards.values()].map(({ net, device: { slot, name, index } }) => {
      const { mac, mtu } = net.identity;
      const offloads = String(net.offloads);
      return { slot, name, index, mac: [...mac], ...(mtu !== undefined && { mtu }), offloads, transport: net.save() };
    });
  }

  /** A card that the kernel of a snapshot knows; its cable is out. */
  restore({ slot, name, index, mac, mtu, offloads, transport }: SavedNet): NetDevice {
    const identity = { mac: Uint8Array.from(mac), mtu, offloads: BigInt(offloads) };
    const { net } = this.#plug(unplugged, identity, slot, transport);
    const device = describe(net, { slot, name, index });
    this.#cards.set(slot, { net, device });
    return device;
  }

  #plug(backend: NetBackend, identity: NetIdentity, at?: number, state?: TransportState) {
    const engine = this.#engine;
    let net: VirtioNet | undefined;
    const slot = engine.plug((irq, io) => {
      const needs = { memory: engine.memory, irq, io, isOver: () => engine.dead !== undefined, pause: engine.pause };
      net = new VirtioNet(backend, identity, needs, state);
      return net;
    }, at);
    if (!net) throw new Error('the engine made no device');
    return { slot, net };
  }

  async #pull(slot: number, net: VirtioNet): Promise<void> {
    this.#engine.unplug(slot);
    await net.close();
  }

  #randomMac(): Uint8Array {
    const mac = new Uint8Array(6);
    this.#engine.entropy(mac);
    mac[0] = ((mac[0] ?? 0) & ~GROUP) | LOCAL;
    return mac;
  }
}

/** What the driver made of the slot: /sys/…/virtio-mmio.N/virtioM/net/NAME. */
async function found(task: UserTask, slot: number): Promise<{ readonly name: string; readonly index: number }> {
  const base = slotPath(slot);
  const virtio = (await readNames(task, base)).find((name) => /^virtio\d+$/.test(name));
  const [name] = virtio === undefined ? [] : await readNames(task, `${base}/${virtio}/net`);
  if (name === undefined) throw new Error(`Linux made no network device of slot ${slot}`);
  const index = Number(await readText(task, `${base}/${virtio}/net/${name}/ifindex`));
  return { name, index };
}

const describe = (net: VirtioNet, fixed: Pick<NetDevice, 'slot' | 'name' | 'index'>): NetDevice => ({
  ...fixed,
  mac: formatMac(net.identity.mac),
  get lastError() {
    return net.lastError;
  },
  get dropped() {
    return net.dropped;
  },
});
