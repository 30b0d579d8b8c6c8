/** A back end that is open, and what is to be told of it. */

import type { NetBackend } from '../../kernel/virtio/net-backend.ts';

export interface OpenedInterface {
  readonly backend: NetBackend;
  /** As it was asked for: `tap lkl0`. */
  readonly what: string;
  /** The address that frames to it have: it lets no others through. */
  readonly mac?: Uint8Array | undefined;
  /** What whoever asked for it may not have meant. */
  readonly warnings?: readonly string[];
}
