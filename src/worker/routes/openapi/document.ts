/** The OpenAPI document of the API. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import { scopeNames, scopes } from '../../access/principal.ts';
import { wantedOf } from '../access.ts';
import { withOneType } from '../bodies/other-types.ts';
import type { Env } from '../env.ts';
import { problemReferences } from '../problem.ts';
import { withExamples } from './examples.ts';
import { forClients } from './schemas.ts';

/** An SPDX expression: the kernel inside is GPL. (The generator's types are those of OpenAPI 3.0, which had no identifier.) */
const license = { name: 'MIT AND GPL-2.0-only', identifier: 'MIT AND GPL-2.0-only' };

/** By the paths that every installation has: where the project lives is its owner's to say. */
const contact = { name: 'Whoever runs this service', url: '/docs' };
const externalDocs = {
  description: 'What Linux says of its system calls, file systems and networks',
  url: 'https://man7.org/linux/man-pages/',
};

export function openapiDocument(api: OpenAPIHono<Env>) {
  const document = api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'lkl',
      version: '1.0.0',
      description:
        'A Linux kernel as a web service. Disk images in, tars and files out. Every file system is read by Linux itself.',
      license,
      contact,
    },
    servers: [{ url: '/' }],
    externalDocs,
    tags: [
      { name: 'fs2tar', description: 'An image in, a tar or a zip out, in one request.' },
      { name: 'images', description: 'Images in storage and what is inside them.' },
      { name: 'uploads', description: 'Images in several requests.' },
      { name: 'programs', description: "Linux's own programs, on images." },
      { name: 'syscalls', description: "System calls on a kernel of one's own." },
      { name: 'sessions', description: 'Kernels that outlive a request.' },
      { name: 'simulations', description: 'Networks of Linux stacks in virtual time.' },
      { name: 'access', description: 'Who may do what.' },
      { name: 'service', description: 'The service itself.' },
    ],
    security: [],
  });
  const paths = Object.entries(document.paths ?? {}).map(([template, item]) => {
    const path = withoutPatterns(template);
    const operations = Object.entries(item).map(([method, operation]) => [
      method,
      guarded(path, method, withExamples(withOneType(operation))),
    ]);
    return [path, Object.fromEntries(operations)];
  });
  const schemas = forClients(document.components?.schemas ?? {});
  const components = { ...document.components, schemas, securitySchemes };
  return { ...document, components, paths: Object.fromEntries(paths) as NonNullable<typeof document.paths> };
}

const securitySchemes = {
  token: {
    type: 'http' as const,
    scheme: 'bearer',
    description: `A token of this service, which begins with \`lkl_\`. Its scopes: ${scopeNames
      .map((name) => `\`${name}\` ${scopes[name]}`)
      .join(' ')}`,
  },
  cloudflareAccess: {
    type: 'apiKey' as const,
    in: 'header' as const,
    name: 'Cf-Access-Jwt-Assertion',
    description: 'Put there by Cloudflare Access for whoever has logged in.',
  },
};

interface Operation {
  readonly responses: Readonly<Record<string, unknown>>;
  readonly requestBody?: { readonly content?: object };
}

/** What the gate before a handler adds: what it wants to be shown, and how it refuses. */
function guarded(path: string, method: string, operation: Operation) {
  const scope = wantedOf(method.toUpperCase(), path);
  const takesJson = 'application/json' in (operation.requestBody?.content ?? {});
  const slow = operation.requestBody === undefined ? {} : problemReferences(408, ...(takesJson ? [400, 413, 415] : []));
  const refusals = scope === undefined ? {} : problemReferences(401, 403, 429);
  const needed = scope === undefined || scope === 'anyone' ? [] : [scope];
  return {
    ...operation,
    ...(scope !== undefined && { security: [{ token: needed }, { cloudflareAccess: [] }] }),
    responses: { ...(method === 'head' ? withoutBodies(refusals) : { ...slow, ...refusals }), ...operation.responses },
  };
}

const withoutBodies = (responses: Readonly<Record<string, { readonly description: string }>>) =>
  Object.fromEntries(Object.entries(responses).map(([status, { description }]) => [status, { description }]));

/** The router wants "{path{[^]*}}" for a parameter that may hold slashes and newlines; OpenAPI has only "{path}". */
const withoutPatterns = (path: string): string => path.replaceAll(/\{(\w+)\{[^}]*\}\}/g, '{$1}');
