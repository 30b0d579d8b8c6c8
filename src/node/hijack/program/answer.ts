/** What a call of a program is answered. */

import type { FileFacts } from '../files/open-files.ts';

/** A file of our kernel that becomes a descriptor of the program's, which is the call's result. */
export interface NewDescriptor {
  readonly opened: FileFacts;
  readonly cloexec: boolean;
}

/** What Linux would return; the machine's kernel answers; a new descriptor. */
export type Answer = number | bigint | 'host' | NewDescriptor;
