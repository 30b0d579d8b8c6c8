/** A capture that two hosts play again. */

import { fromBase64 } from '../../../bytes/base64.ts';
import { BadCapture } from '../../replay/capture-file.ts';
import { planReplay } from '../../replay/plan-replay.ts';
import type { Place } from '../issue.ts';
import type { ReplayWorkload } from '../request.ts';
import { formatAddress, parsePrefix } from '../routes/prefix.ts';
import { type Network, sourceFor } from '../routes/routing.ts';
import type { FlowPlan, ReplayPlan } from './plans.ts';

/** What the second host sends goes to the address that the first one's packets leave from. */
export function planReplayed(
  place: Place,
  { pcap, client, speed = 1 }: ReplayWorkload,
  flow: FlowPlan,
  network: Network,
): ReplayPlan | undefined {
  const { from, to, address } = flow;
  if (from === to) return place.at('to').fail('bad-option', 'a replay is between two nodes');
  const backTo = sourceFor(from, address, network);
  if (!backTo) return place.at('to').fail('unreachable', `there is no way from ${from.name} to ${to.name}`);
  if (!(speed > 0 && speed <= 1e6))
    return place.at('speed').fail('bad-option', `${speed} is no speed: more than 0, 1e6 at most`);
  const own = client === undefined ? undefined : parsePrefix(client);
  if (client !== undefined && !own) return place.at('client').fail('bad-address', `${client} is no address`);
  const mtu = Math.min(...[...from.ports, ...to.ports].map((port) => port.mtu));
  const file = fromBase64(pcap);
  if (!file) return place.at('pcap').fail('bad-option', 'it is no base64');
  try {
    return { type: 'replay', ...flow, backTo, replay: planReplay(file, own && formatAddress(own), speed, mtu) };
  } catch (cause) {
    if (!(cause instanceof BadCapture)) throw cause;
    return place.at('pcap').fail('bad-option', cause.message);
  }
}
