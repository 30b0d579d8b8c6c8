/** Bodies that are held in memory whole: batches as JSON. */

import { bodyLimit } from 'hono/body-limit';
import { HostError } from '../../errors/host-error.ts';

const MAX_JSON_BYTES = 16 * 2 ** 20;

/** Refuses those that are larger. */
export const wholeBody = bodyLimit({
  maxSize: MAX_JSON_BYTES,
  onError: () => {
    throw new HostError('body-too-large', `JSON has at most ${MAX_JSON_BYTES} bytes`);
  },
});
