/** Problems as exit codes of a command. */

import type { Problem } from './problem.ts';
import { rowOf } from './rows.ts';
import type { Fault } from './table.ts';

/** The command line is wrong; the image is at fault; anything else failed. */
export type ExitKind = 'usage' | 'image' | 'failed';

const kinds: Readonly<Record<Fault, ExitKind>> = {
  request: 'usage',
  image: 'image',
  program: 'failed',
  state: 'failed',
  access: 'failed',
  service: 'failed',
};

export function exitKind({ name }: Pick<Problem, 'name'>): ExitKind {
  return kinds[rowOf(name).fault];
}
