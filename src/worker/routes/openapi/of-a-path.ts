/** What the document has at a path: methods, media types of bodies, names of operations. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import { type Described, offeredTypes } from '../bodies/other-types.ts';
import type { Env } from '../env.ts';
import type { openapiDocument } from './document.ts';

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
