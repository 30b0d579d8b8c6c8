/** The Worker's bindings and limits: named, and parsed once, here. */

import type { RateLimiter } from './limits/rate.ts';
import { MAX_OBJECT_BYTES } from './storage/r2-objects.ts';

/** What wrangler.toml binds. Limits are optional strings, as `[vars]` gives them. */
export interface Bindings {
  readonly IMAGES: R2Bucket;
  /** Live kernels (session/session.ts). */
  readonly SESSIONS: DurableObjectNamespace;
  /** Who has which (session/session-index.ts). */
  readonly SESSION_INDEX: DurableObjectNamespace;
  /** Mounts of images for WebDAV (dav/dav.ts). */
  readonly DAV: DurableObjectNamespace;
  /** Rows of API tokens (session/token-registry.ts). */
  readonly TOKEN_REGISTRY: DurableObjectNamespace;
  /** What each principal uses (limits/ledger.ts). */
  readonly LEDGER: DurableObjectNamespace;
  /** Who did what (observe/audit-trail.ts). */
  readonly AUDIT_TRAIL: DurableObjectNamespace;
  /** Counts requests of a principal instead of the ledger, where it is bound. */
  readonly RATE_LIMIT?: RateLimiter;
  /** Takes a data point of each request, where it is bound. */
  readonly ANALYTICS?: Pick<AnalyticsEngineDataset, 'writeDataPoint'>;
  /** What principals may have, as JSON (limits/quotas.ts). */
  readonly QUOTAS?: string;
  /** `off`, `writes` or `all`: of which requests a row is kept. Default: all, and none where it is open. */
  readonly AUDIT?: string;
  /** A secret: a JSON list of tokens' rows, as `lkl token create` prints them. */
  readonly TOKENS?: string;
  /** `loopback`: open to whoever reaches it there. Set where it is developed and tested, never where it is deployed. */
  readonly OPEN?: string;
  /** Scopes that anybody has. */
  readonly PUBLIC_SCOPES?: string;
  /** The name of a team of Cloudflare Access, the audience of the application, and the scopes whoever comes in so has. */
  readonly ACCESS_TEAM?: string;
  readonly ACCESS_AUDIENCE?: string;
  readonly ACCESS_SCOPES?: string;
  /** Origins whose pages may use it from a browser. */
  readonly ORIGINS?: string;
  /** How far sessions reach into the world: `public`, addresses and prefixes, with blanks between. Absent: not at all. */
  readonly OUTBOUND?: string;
  /** Where they ask for names, by DNS over HTTPS. */
  readonly OUTBOUND_RESOLVER?: string;
  /** `off`: no line is logged of each request. */
  readonly REQUEST_LOG?: string;
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
