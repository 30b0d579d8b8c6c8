/** How large an image may be. */

import { HostError } from '../../../errors/host-error.ts';

/** Throws `too-large`. */
export function mustNotBeLarger(bytes: number, mostBytes: number): void {
  if (bytes <= mostBytes) return;
  throw new HostError('too-large', `an image has at most ${mostBytes} bytes`, { members: { max_bytes: mostBytes } });
}
