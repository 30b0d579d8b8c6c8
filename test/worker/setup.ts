/** What each file of the Worker's tests does in the end: the isolate is that of all of them. */

import { afterAll } from 'vitest';
import { endSessions } from './harness.ts';

afterAll(endSessions);
