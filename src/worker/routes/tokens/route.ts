/** /v1/tokens and /v1/principal: who may do what. */

import { createRoute } from '@hono/zod-openapi';
import { problemResponses } from '../problem.ts';
import { givenToken, newToken, principal, tokenList, tokenParams } from './schema.ts';

const tags = ['access'];
const json = <T>(schema: T) => ({ 'application/json': { schema } });

export const getPrincipal = createRoute({
  method: 'get',
  path: '/v1/principal',
  operationId: 'getPrincipal',
  summary: 'Who you are, and what you may do',
  description: 'For whoever wants to know what a token is good for. It takes no scope.',
  tags,
  responses: { 200: { description: 'You.', content: json(principal) }, ...problemResponses() },
});

export const createToken = createRoute({
  method: 'post',
  path: '/v1/tokens',
  operationId: 'createToken',
  summary: 'Make a token',
  description:
    'Only its hash is kept: whoever loses it rotates it. It is a principal of its own, with sessions of its own.',
  tags,
  request: { body: { required: true, content: json(newToken) } },
  responses: { 201: { description: 'Made.', content: json(givenToken) }, ...problemResponses(400, 413, 415) },
});

export const listTokens = createRoute({
  method: 'get',
  path: '/v1/tokens',
  operationId: 'listTokens',
  summary: 'List tokens',
  description: 'Those of the binding `TOKENS` first, then those made here. Never the tokens themselves.',
  tags,
  responses: { 200: { description: 'All there are.', content: json(tokenList) }, ...problemResponses() },
});

export const rotateToken = createRoute({
  method: 'post',
  path: '/v1/tokens/{id}/rotate',
  operationId: 'rotateToken',
  summary: 'Give a token another secret',
  description: 'The one before is good for five more seconds at most. Sessions, scopes and expiry stay.',
  tags,
  request: { params: tokenParams },
  responses: { 200: { description: 'Rotated.', content: json(givenToken) }, ...problemResponses(400, 404) },
});

export const revokeToken = createRoute({
  method: 'delete',
  path: '/v1/tokens/{id}',
  operationId: 'revokeToken',
  summary: 'Revoke a token',
  description: 'It is good for five more seconds at most. One of the binding is taken out there.',
  tags,
  request: { params: tokenParams },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404) },
});
