/** Handler of GET /v1/usage. */

import { mustHaveScope } from '../../access/principal.ts';
import type { QuotaKind } from '../../limits/quotas.ts';
import type { Use } from '../../limits/usage.ts';
import { router } from '../router.ts';
import { getUsage } from './route.ts';

export const usage = router();

usage.openapi(getUsage, async (c) => {
  const { id } = c.var.principal;
  const { principal = id } = c.req.valid('query');
  if (principal !== id) mustHaveScope(c.var.principal, 'admin');
  const found = Object.entries(await c.var.usageOf(principal)).map(([kind, use]) => [kind, useJson(use)]);
  const quotas = Object.fromEntries(found) as Record<QuotaKind, ReturnType<typeof useJson>>;
  return c.json({ principal, quotas }, 200);
});

const useJson = ({ used, limit, resetS }: Use) => ({
  used: used === undefined ? null : Math.round(1000 * used) / 1000, // seconds to the millisecond
  limit: limit ?? null,
  ...(resetS !== undefined && { reset_in_s: resetS }),
});
