/** What every handler finds in its context. */

import type { LinkJobs } from '../access/links.ts';
import type { Principal } from '../access/principal.ts';
import type { TokenJobs } from '../access/tokens.ts';
import type { Hold } from '../bodies/budget.ts';
import type { KeepAlive } from '../images/images.ts';
import type { Jobs } from '../jobs.ts';
import type { QuotaKind } from '../limits/quotas.ts';
import type { Use } from '../limits/usage.ts';
import type { AuditJobs } from '../observe/audit.ts';
import type { Meter } from '../observe/request.ts';
import type { ServiceFacts } from '../service-facts.ts';
import type { SessionJobs } from '../session/sessions.ts';

/** Of every request, whoever makes it. */
export interface RequestLife {
  /** Lets work go on after the answer, or after the client has hung up. */
  readonly keepAlive: KeepAlive;
  /** What the request has of the isolate's memory; given back when the last of its work has ended. */
  readonly memory: Hold;
  /** Once, when the last of its work has ended. */
  whenEnded(action: () => void): void;
  /** The same for what is kept only where there is room: caches, and bodies that could go to storage. */
  readonly room: Hold;
}

/** Of who makes the request. */
export interface OwnJobs {
  readonly jobs: Jobs;
  readonly sessions: SessionJobs;
  readonly tokens: TokenJobs;
  readonly links: LinkJobs;
  readonly audit: AuditJobs;
  /** What this one, or another, has used and may have. */
  usageOf(principal: string): Promise<Readonly<Record<QuotaKind, Use>>>;
}

export interface Env {
  Variables: OwnJobs &
    RequestLife & {
      /** Absent on paths that are for all the world, as are the jobs. */
      readonly principal: Principal;
      /** Headers that tell him how much is left of his quotas. */
      readonly rate: Readonly<Record<string, string>> | undefined;
      /** Aborted when the client is gone. */
      readonly gone: AbortSignal;
      readonly meter: Meter;
      readonly service: ServiceFacts;
      /** Figures of this isolate, as Prometheus has them. */
      readonly metrics: () => string;
      readonly nowMs: () => number;
      /** The name of the problem that is answered, for the log. */
      readonly problem: string | undefined;
      /** Takes what went wrong on our side. */
      readonly log: (error: unknown) => void;
    };
}
