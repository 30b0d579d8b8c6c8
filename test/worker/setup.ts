/** What each file of the Worker's tests does in the end: the isolate is that of all of them. */

import { afterAll } from 'vitest';
import { endSessions, kernelsAreGone } from './harness.ts';

afterAll(async () => {
  await endSessions();
  await kernelsAreGone();
});
