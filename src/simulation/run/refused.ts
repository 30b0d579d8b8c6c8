/** What Linux refuses while a network is built, as an issue of the place in the request that asked for it. */

import type { NetlinkRequest } from '../../abi/netlink/message.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { Issue, Place } from '../plan/issue.ts';

export class Refused extends Error {
  override readonly name = 'Refused';
  readonly issue: Issue;

  constructor({ path }: Place, cause: KernelError) {
    const said = cause.message.replace(/^sendto netlink message \d+: /, '');
    const message = `Linux refuses it: ${said}`;
    super(`${path}: ${message}`, { cause });
    this.issue = { code: 'refused', path, message, ...(cause.errno && { errno: cause.errno }) };
  }
}

/** Do what the request asks for at this place. */
export async function asked<T>(place: Place, doing: Promise<T>): Promise<T> {
  try {
    return await doing;
  } catch (cause) {
    throw cause instanceof KernelError ? new Refused(place, cause) : cause;
  }
}

/** A netlink message and the place in the request it comes from. */
export interface AskedMessage {
  readonly place: Place;
  readonly message: NetlinkRequest;
}

export const askedAt = (place: Place, ...messages: readonly NetlinkRequest[]): AskedMessage[] =>
  messages.map((message) => ({ place, message }));

/** Send them in order, few calls for many. */
export async function sendAsked(rtnl: NetlinkSocket, asked: readonly AskedMessage[]): Promise<void> {
  const [refusal] = await rtnl.trySend(asked.map(({ message }) => message));
  const place = refusal && asked[refusal.index]?.place;
  if (place) throw new Refused(place, refusal.error);
}
