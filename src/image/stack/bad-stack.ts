/** What is said of metadata that cannot be, or that is not read here. */

import { HostError } from '../../errors/host-error.ts';

/** `what` is what has the metadata: "partition 2 (LUKS)". */
export const badStack = (what: string, why: string): HostError => new HostError('bad-stack', `${what}: ${why}`);

/** Thrown by whoever reads metadata and does not know of what; whoever does makes a HostError of it. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}
