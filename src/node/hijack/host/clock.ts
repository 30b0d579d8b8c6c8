/** The steady clock of this process. */

import { nodeHost } from '../../host.ts';

export const nowMs = (): number => nodeHost.monotonicNs() / 1e6;
