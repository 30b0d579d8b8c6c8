/** The network of a session that reaches the world: a second kernel as its router, and the platform's connections behind it. */

import type { SetupNeeds } from '../../../batch/kernel-setup.ts';
import { HostError } from '../../../errors/host-error.ts';
import { parseReach } from '../../../network/user/reach.ts';
import { type UserNetwork, userNetwork } from '../../../network/user/user.ts';
import { type OutsideNeeds, workerOutside } from './outside.ts';

/** How far the owner lets sessions out, as variables say it. */
export interface OutboundWords {
  readonly OUTBOUND?: string;
  readonly OUTBOUND_RESOLVER?: string;
}

/** The router has no files and few sockets. */
const ROUTER_MIB = 16;
const RESOLVER = 'https://cloudflare-dns.com/dns-query';
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** Rejects with `forbidden` where the owner lets no session out. */
export async function openUserNetwork(
  { OUTBOUND = '', OUTBOUND_RESOLVER: resolver = RESOLVER }: OutboundWords,
  { newKernel, host }: Pick<SetupNeeds, 'newKernel' | 'host'>,
  world: Pick<OutsideNeeds, 'connect' | 'fetch'>,
): Promise<UserNetwork> {
  const reach = parseReach(OUTBOUND);
  if (!reach)
    throw new HostError(
      'forbidden',
      'this service lets no session out into the world: its variable OUTBOUND says how far',
    );
  const router = await newKernel({ host, clock: 'wall', memoryMib: ROUTER_MIB });
  try {
    return await userNetwork(router, {
      outside: workerOutside({ ...world, reach, host, resolver }),
      host,
      // The session's card has none.
      offloads: 0n,
      loopback: reach.refusal(LOOPBACK, 80) === undefined,
    });
  } catch (cause) {
    router.kill();
    throw cause;
  }
}
