/** What was put into an image, as JSON. */

import type { CopyReport } from '../../../tree/write/copy-tree.ts';

export const filledJson = ({ entries, bytes, losses }: CopyReport) => ({
  entries,
  bytes,
  losses: losses.map(({ kind, count, path, errno }) => ({
    kind,
    count,
    first: new TextDecoder().decode(path),
    ...(errno !== undefined && { errno }),
  })),
});
