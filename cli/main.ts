/** The `lkl` command: in this thread, or in one beside it that can be ended wherever it is. */

import { isMainThread } from 'node:worker_threads';
import { wantsThread } from './thread/wants-thread.ts';

if (isMainThread && wantsThread(process.argv.slice(2))) await (await import('./thread/outside.ts')).outside();
else {
  if (!isMainThread) (await import('./thread/inside.ts')).inside();
  await import('./command-line.ts');
}
