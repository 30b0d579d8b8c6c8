/** What every handler finds in its context. */

import type { Jobs } from '../jobs/jobs.ts';

export interface Env {
  Variables: {
    readonly jobs: Jobs;
    /** Takes what went wrong on our side. */
    readonly log: (error: unknown) => void;
  };
}
