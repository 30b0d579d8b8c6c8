/** Handlers of /v1/tokens and /v1/principal. */

import { prefixOf } from '../../access/token.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { router } from '../router.ts';
import { createToken, getPrincipal, listTokens, revokeToken, rotateToken } from './route.ts';
import { shown, tokenJson } from './schema.ts';

export const tokens = router();

tokens.use(createToken.getRoutingPath(), wholeBody);

tokens.openapi(getPrincipal, (c) => {
  const { id, scopes, imagePrefixes } = c.var.principal;
  return c.json({ id, scopes: [...scopes], ...(imagePrefixes && { images: shown(imagePrefixes) }) }, 200);
});

tokens.openapi(createToken, async (c) => {
  const { name, scopes, images: given, expires_in_s } = c.req.valid('json');
  // A star at the end says that it is a beginning, which it is anyway; one alone stands for all.
  const images = given?.flatMap((pattern) => prefixOf(pattern) ?? []);
  const expires = expires_in_s === undefined ? {} : { expiresMs: c.var.nowMs() + 1000 * expires_in_s };
  const { token, row } = await c.var.tokens.create({ name, scopes, ...(images && { images }), ...expires });
  return c.json({ ...tokenJson(row), token }, 201, { 'cache-control': 'no-store' });
});

tokens.openapi(listTokens, async (c) => c.json({ tokens: (await c.var.tokens.list()).map(tokenJson) }, 200));

tokens.openapi(rotateToken, async (c) => {
  const { token, row } = await c.var.tokens.rotate(c.req.valid('param').id);
  return c.json({ ...tokenJson(row), token }, 200, { 'cache-control': 'no-store' });
});

tokens.openapi(revokeToken, async (c) => {
  await c.var.tokens.revoke(c.req.valid('param').id);
  return c.body(null, 204);
});
