/** `user`: a network of the kernel's own that reaches the world through this machine's sockets, without any privilege. */

import type { AddressInfo, Server } from 'node:net';
import { parseIpv4 } from '../../abi/netlink/inet.ts';
import { freshMachine, restore } from '../../kernel/snapshot/snapshot.ts';
import { join } from '../../network/sockets/byte-stream.ts';
import { user } from '../../network/user/addresses.ts';
import { type UserNetwork, userNetwork } from '../../network/user/user.ts';
import { readSnapshot } from '../engine.ts';
import { nodeHost } from '../host.ts';
import { kernelModule } from '../kernel-module.ts';
import { InterfaceError, refused } from './interface-error.ts';
import type { OpenedInterface } from './opened.ts';
import { listenOutside, nodeOutside } from './outside.ts';

/** The router has no files and few sockets. */
const ROUTER_MIB = 32;

interface Forward {
  readonly address: string;
  readonly port: number;
  readonly to: Uint8Array;
  readonly toPort: number;
}

interface UserParam {
  readonly loopback: boolean;
  readonly forwards: readonly Forward[];
}

/** QEMU's words, with commas between: `hostfwd=tcp:127.0.0.1:8080-:80`; and `loopback`: this machine is 10.0.2.2 to the kernel. */
function parseUser(param: string): UserParam {
  const forwards: Forward[] = [];
  let loopback = false;
  for (const word of param.split(',').filter((one) => one !== '')) {
    if (word === 'loopback') {
      loopback = true;
      continue;
    }
    const [, address = '', port, to, toPort] =
      /^hostfwd=tcp:([\d.]*|\[[\da-f:]+\]):(\d{1,5})-([\d.]*):(\d{1,5})$/i.exec(word) ?? [];
    const inner = to === '' ? user.client : parseIpv4(to ?? '');
    const isPort = (text: string | undefined, least: number) => Number(text) >= least && Number(text) <= 65_535;
    if (!inner || !isPort(port, 0) || !isPort(toPort, 1))
      throw new InterfaceError(
        `user ${word}: its param is a list of hostfwd=tcp:[ADDRESS]:PORT-[ADDRESS]:PORT and loopback, with commas between`,
      );
    // Nobody else's, unless it is said.
    forwards.push({
      address: address === '' ? '127.0.0.1' : address.replace(/[[\]]/g, ''),
      port: Number(port),
      to: inner,
      toPort: Number(toPort),
    });
  }
  return { loopback, forwards };
}

export async function openUser(param: string): Promise<OpenedInterface> {
  const { loopback, forwards } = parseUser(param);
  const [module, snapshot] = await Promise.all([kernelModule(), readSnapshot()]);
  const machine = freshMachine(module, snapshot, ROUTER_MIB);
  const router = restore(machine, snapshot, { host: nodeHost, clock: 'wall', memoryMib: ROUTER_MIB });
  const servers: Server[] = [];
  try {
    const network = await userNetwork(router, { outside: nodeOutside(), host: nodeHost, loopback });
    const ports: string[] = [];
    for (const forward of forwards) {
      const server = await forwarded(network, forward);
      servers.push(server);
      const { address, port } = server.address() as AddressInfo;
      ports.push(`${address}:${port}`);
    }
    const close = async () => {
      for (const server of servers) server.close();
      await network.close();
    };
    const what = ports.length > 0 ? `user (${ports.join(', ')})` : 'user';
    return { backend: { ...network, close }, what };
  } catch (cause) {
    for (const server of servers) server.close();
    router.kill();
    throw cause;
  }
}

async function forwarded(network: UserNetwork, { address, port, to, toPort }: Forward): Promise<Server> {
  try {
    return await listenOutside(address, port, (outer) => {
      network.connect(toPort, to).then(
        (inner) => join(inner, outer),
        () => outer.abort(),
      );
    });
  } catch (cause) {
    throw refused(`user hostfwd=tcp:${address}:${port}`, cause, {
      EADDRINUSE: 'another program listens there',
      EACCES: 'ports below 1024 are for root',
      EADDRNOTAVAIL: 'this machine has no such address',
    });
  }
}
