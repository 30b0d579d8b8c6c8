/** Who did what: a row of each request, with no content and no secret in it. */

export interface AuditEntry {
  readonly atMs: number;
  /** Names the request, in logs too. */
  readonly request: string;
  readonly principal: string;
  /** What was asked for, by the name that the OpenAPI document has for it. */
  readonly operation: string;
  readonly method: string;
  readonly status: number;
  /** `ok`, the kind of problem, or that the answer broke off. */
  readonly outcome: string;
  readonly ms: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** The image that it was about, and its version. */
  readonly image?: string;
  readonly etag?: string;
  /** The session, the token … that it was about. */
  readonly about?: string;
}

export interface AuditQuery {
  readonly limit: number;
  /** Those before this one, which an answer before named. */
  readonly before?: number | undefined;
  readonly principal?: string | undefined;
  readonly image?: string | undefined;
  readonly operation?: string | undefined;
  readonly sinceMs?: number | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** What to ask for next; absent: that was all. */
  readonly before?: number;
}

export interface AuditJobs {
  /** Newest first. */
  list(query: AuditQuery): Promise<AuditPage>;
}

/** `off`, `writes` (all that is no GET and no HEAD) or `all`. Throws for anything else, for whoever deploys. */
export function auditedBy(setting: string | undefined, isOpen: boolean): (method: string) => boolean {
  switch (setting ?? (isOpen ? 'off' : 'all')) {
    case 'off':
      return () => false;
    case 'writes':
      return (method) => method !== 'GET' && method !== 'HEAD';
    case 'all':
      return () => true;
    default:
      throw new Error(`AUDIT is "${setting}": it is off, writes or all`);
  }
}
