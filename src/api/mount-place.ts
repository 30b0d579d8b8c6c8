/** Where something is mounted, as every request says it. */

import { z } from '@hono/zod-openapi';

/** An absolute path of Linux: none of its names is empty. One group that repeats would take the regular expression's stack. */
export const mountPlace = z
  .string()
  .max(4095)
  .regex(/^(?![\s\S]*\/\/)\/[^\0]*[^/\0]$/);
