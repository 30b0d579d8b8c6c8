/** Tells what a tar has not, that of --on-error continue. */

import { printable } from '../failure.ts';

const MAX_ERRORS_SHOWN = 20;

/** `lines` may be fewer than there are. */
export function reportMissing(lines: readonly string[], count: number): void {
  console.error('lkl: the tar has not everything:');
  for (const line of lines.slice(0, MAX_ERRORS_SHOWN)) console.error(`lkl: ${printable(line)}`);
  if (count > MAX_ERRORS_SHOWN) console.error(`lkl: … and ${count - MAX_ERRORS_SHOWN} more, see .fs2tar-errors`);
}
