/** The Worker's bindings and limits: named, and parsed once, here. */

import { MAX_OBJECT_BYTES } from './storage/image-store.ts';

/** What wrangler.toml binds. Limits are optional strings, as `[vars]` gives them. */
export interface Bindings {
  readonly IMAGES: R2Bucket;
  /** Live kernels (session/session.ts). */
  readonly SESSIONS: DurableObjectNamespace;
  /** Who has which (session/session-index.ts). */
  readonly SESSION_INDEX: DurableObjectNamespace;
  /** Bytes an image may have, decompressed. Default: what R2 holds in one object. */
  readonly MAX_IMAGE_BYTES?: string;
}

export interface Limits {
  readonly maxImageBytes: number;
}

export function parseLimits(bindings: Bindings): Limits {
  const maxImageBytes = Number(bindings.MAX_IMAGE_BYTES ?? MAX_OBJECT_BYTES);
  if (!Number.isSafeInteger(maxImageBytes) || maxImageBytes <= 0) {
    throw new Error(`MAX_IMAGE_BYTES is not a number of bytes: ${bindings.MAX_IMAGE_BYTES}`);
  }
  return { maxImageBytes: Math.min(maxImageBytes, MAX_OBJECT_BYTES) };
}
