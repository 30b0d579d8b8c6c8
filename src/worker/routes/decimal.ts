/** Whole numbers in URLs. */

import { z } from '@hono/zod-openapi';

/** Decimal digits and nothing else: Number() also takes "1e0", "0x1", " 1" and "". */
export const decimal = (min: number, max: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : text),
    z.int().min(min).max(max),
  );
