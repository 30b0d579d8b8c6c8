/** A kernel with an interface, an address and a ping. */

import { newAddress, newRoute } from '../../src/abi/netlink/address.ts';
import { AF } from '../../src/abi/netlink/constants.ts';
import { parseIp, parseMac } from '../../src/abi/netlink/inet.ts';
import { setLink } from '../../src/abi/netlink/links/link.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { NetlinkSocket } from '../../src/kernel/syscalls/netlink.ts';
import { dhcp } from '../../src/network/dhcp/client.ts';
import { type EchoResult, echo } from '../../src/network/echo.ts';
import { nodeLinux } from '../../src/node/engine.ts';
import { nodeHost } from '../../src/node/host.ts';
import { type AttachedInterface, attachInterface } from '../../src/node/net/attach.ts';
import { InterfaceError } from '../../src/node/net/interface-error.ts';
import { Failure } from '../failure.ts';
import { printing } from '../output/print.ts';

export interface NetTestOptions {
  readonly backend: string;
  readonly ifname: string;
  readonly dst: string;
  readonly ip?: string;
  readonly netmaskLen?: number;
  readonly gateway?: string;
  readonly dhcp?: true;
  readonly count: number;
  readonly sleep: number;
  readonly offload?: number;
  readonly pcap?: string;
  readonly json?: true;
}

/** As LKL's net-test polls. */
const TIMEOUT_MS = 1000;
const MEMORY_MIB = 64;

interface Report {
  readonly interface?: { readonly name: string; readonly mac: string; readonly backend: string };
  readonly lease?: object;
  readonly pings: readonly (EchoResult & { readonly ok: boolean })[];
}

/** Whether every ping was answered. */
export async function netTest(options: NetTestOptions): Promise<boolean> {
  const dst = addressOf('--dst', options.dst);
  const linux = await nodeLinux();
  const kernel = await linux.kernels.acquire({ host: nodeHost, memoryMib: MEMORY_MIB, clock: 'wall' });
  try {
    return await printing(async (out) => {
      const say = (text: string) => (options.json ? Promise.resolve() : out.print(`${text}\n`));
      const rtnl = await NetlinkSocket.open(kernel.init);
      await rtnl.send([setLink(1, { up: true })]);
      const card = await attached(kernel, options);
      for (const warning of card?.warnings ?? []) process.stderr.write(`lkl: ${warning}\n`);
      if (card) await say(`${card.name} ${card.mac} on ${card.what}`);
      const lease = card && (await configured(kernel, rtnl, card, options));
      if (lease) await say(`${lease.address}/${lease.prefixLength} from ${lease.server}`);
      const pings: EchoResult[] = [];
      for (let i = 0; i < options.count; i++) {
        const result = await pinged(kernel, dst, options.dst);
        pings.push(result);
        await say(result.ok ? `echo reply ${result.from} ${(result.rttNs / 1e6).toFixed(3)} ms` : result.reason);
      }
      if (options.sleep > 0) await kernel.init.waitFor(nodeHost.pause(1000 * options.sleep));
      const report: Report = {
        ...(card && { interface: { name: card.name, mac: card.mac, backend: card.what } }),
        ...(lease && { lease }),
        pings,
      };
      if (options.json) await out.json(report);
      await card?.detach();
      return pings.every(({ ok }) => ok);
    });
  } finally {
    kernel.kill();
  }
}

async function attached(kernel: Kernel, options: NetTestOptions): Promise<AttachedInterface | undefined> {
  const { backend: type, ifname: param, offload, pcap: capture } = options;
  if (type === 'loopback') return undefined;
  try {
    return await attachInterface(kernel, { type, param, offload, capture });
  } catch (cause) {
    if (cause instanceof InterfaceError) throw new Failure('failed', cause.message);
    throw cause;
  }
}

async function configured(kernel: Kernel, rtnl: NetlinkSocket, card: AttachedInterface, options: NetTestOptions) {
  const { name, index } = card;
  if (options.dhcp) {
    const id = new DataView(crypto.getRandomValues(new Uint8Array(4)).buffer).getUint32(0);
    try {
      return await dhcp(kernel.init, { name, index, mac: parseMac(card.mac) ?? new Uint8Array(6) }, id);
    } catch (cause) {
      if (cause instanceof KernelError) throw cause;
      throw new Failure('failed', cause instanceof Error ? cause.message : String(cause));
    }
  }
  await rtnl.send([setLink(index, { up: true })]);
  if (options.ip !== undefined) {
    const ip = addressOf('--ip', options.ip);
    const length = options.netmaskLen ?? (ip.length === 4 ? 24 : 64);
    if (length > ip.length * 8)
      throw new Failure('usage', `--netmask-len ${length}: an address of ${options.ip} has ${ip.length * 8} bits`);
    await rtnl.send([newAddress(index, ip, length)]);
  }
  if (options.gateway !== undefined) {
    const gateway = addressOf('--gateway', options.gateway);
    await rtnl.send([newRoute({ family: gateway.length === 4 ? AF.INET : AF.INET6, gateway, device: index })]);
  }
  return undefined;
}

async function pinged(kernel: Kernel, dst: Uint8Array, text: string): Promise<EchoResult> {
  const { clock } = kernel.engine;
  try {
    return await echo(kernel.init, dst, { timeoutMs: TIMEOUT_MS, nowNs: () => clock.wallNs() });
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    return { ok: false, reason: `${text}: ${cause.message}` };
  }
}

function addressOf(option: string, text: string): Uint8Array {
  const address = parseIp(text);
  if (!address) throw new Failure('usage', `${option} ${text}: it is an address of IPv4 or IPv6`);
  return address;
}
