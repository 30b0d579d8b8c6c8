/** The OpenAPI document of the API, and which methods it has at a path. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import { scopeNames, scopes } from '../access/principal.ts';
import { wantedOf } from './access.ts';
import { type Described, offeredTypes, withOneType } from './bodies/other-types.ts';
import type { Env } from './env.ts';
import { withExample } from './examples.ts';
import { problemReferences } from './problem.ts';

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
      guarded(path, method, withExample(withOneType(operation))),
    ]);
    return [path, Object.fromEntries(operations)];
  });
  const schemas = mapValues(document.components?.schemas ?? {}, (schema) => withoutTuples(withoutDefaults(schema)));
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

const mapValues = <From, To>(object: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

/**
 * Defaults said in words: generators of clients take a member with a `default` for one that is always there, so that whoever
 * sends it would have to fill it in.
 */
function withoutDefaults<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(withoutDefaults) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const { default: value, ...rest } = schema as Record<string, unknown>;
  // A property may well be called `default`: then it is a schema.
  if (value === undefined || (typeof value === 'object' && value !== null && 'type' in value)) {
    return mapValues(schema as Record<string, unknown>, withoutDefaults) as T;
  }
  const said = typeof rest.description === 'string' ? `${rest.description} ` : '';
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  const description = isEmpty ? {} : { description: `${said}Default: \`${JSON.stringify(value)}\`.` };
  return { ...mapValues(rest, withoutDefaults), ...description } as T;
}

/**
 * A tuple of members alike, as an array of so many: this says their number, which `prefixItems` alone leaves open, and those who
 * read documents by the ways of OpenAPI 3.0 (RapiDoc, openapi-fetch) look for `items` in every array.
 */
function withoutTuples<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(withoutTuples) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const { prefixItems, ...rest } = schema as Record<string, unknown>;
  if (!Array.isArray(prefixItems)) return mapValues(schema as Record<string, unknown>, withoutTuples) as T;
  const [items, ...others] = prefixItems.map((member) => withoutTuples(member));
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(items))) {
    throw new Error(`members of a tuple differ, which many clients cannot read: ${JSON.stringify(prefixItems)}`);
  }
  const length = prefixItems.length;
  return { ...mapValues(rest, withoutTuples), items, minItems: length, maxItems: length } as T;
}

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

/** For a path and a method: the media types of request bodies there. */
export function acceptedTypes({ paths }: ReturnType<typeof openapiDocument>) {
  const known = Object.entries(paths).map(([template, item]) => ({ pattern: patternOf(template), item }));
  return (method: string, path: string): readonly string[] => {
    for (const { pattern, item } of known) {
      const operation = (item as Record<string, { requestBody?: Described }>)[method.toLowerCase()];
      if (operation && pattern.test(path)) return offeredTypes(operation.requestBody);
    }
    return [];
  };
}

const patternOf = (template: string): RegExp => {
  const pattern = template
    .replaceAll('.', '\\.')
    .replace(/\{path\}$/, '[^]*')
    .replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`);
};

/** For a method and a path as the router has it: the name of the operation. */
export function operationNames(api: OpenAPIHono<Env>): (method: string, routerPath: string) => string | undefined {
  const names = new Map<string, string>();
  for (const definition of api.openAPIRegistry.definitions) {
    if (definition.type !== 'route') continue;
    const { method, path, operationId } = definition.route;
    // Two operations may share what the router knows: GET and HEAD of one path.
    if (operationId !== undefined)
      names.set(`${method.toUpperCase()} ${path.replaceAll(/\/\{(.+?)\}(?=\/|$)/g, '/:$1')}`, operationId);
  }
  return (method, path) => names.get(`${method} ${path}`) ?? (method === 'HEAD' ? names.get(`GET ${path}`) : undefined);
}

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'patch'] as const;

/** For a path: the methods the document has there, in capitals; none where the path is unknown. */
export function allowedMethods({ paths }: ReturnType<typeof openapiDocument>): (path: string) => readonly string[] {
  const known = Object.entries(paths).map(([template, item]) => {
    const methods = METHODS.filter((method) => method in item || (method === 'head' && 'get' in item));
    return { pattern: patternOf(template), methods: methods.map((method) => method.toUpperCase()) };
  });
  return (path) => [...new Set(known.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : [])))];
}
