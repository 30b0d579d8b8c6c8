/** The service's own routes: health, the OpenAPI document and its page. */

import { exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';

it('healthz answers 200', async () => {
  const response = await exports.default.fetch('http://lkl/healthz');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ ok: true });
});
