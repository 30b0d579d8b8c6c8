/** What every handler finds in its context. */

import type { Jobs } from '../jobs.ts';
import type { SessionJobs } from '../session/sessions.ts';

export interface Env {
  Variables: {
    readonly jobs: Jobs;
    /** Of who makes the request. */
    readonly sessions: SessionJobs;
    /** Takes what went wrong on our side. */
    readonly log: (error: unknown) => void;
  };
}
