/** What every handler finds in its context. */

import type { Hold } from '../bodies/budget.ts';
import type { Jobs } from '../jobs.ts';
import type { SessionJobs } from '../session/sessions.ts';

export interface Env {
  Variables: {
    readonly jobs: Jobs;
    /** Of who makes the request. */
    readonly sessions: SessionJobs;
    /** What the request has of the isolate's memory; given back when the last of its work has ended. */
    readonly memory: Hold;
    /** Takes what went wrong on our side. */
    readonly log: (error: unknown) => void;
  };
}
