/** The service's own routes, and what every route does with requests for nothing it has. */

import { describe, expect, it } from 'vitest';
import { request } from './harness.ts';

it('healthz answers', async () => {
  const response = await request('/healthz');
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ ok: true, ready: true, kernels: expect.any(Number) });
});

it('healthz counts nothing of what has ended', async () => {
  interface Health {
    readonly kernels: number;
    readonly memory: { readonly body_bytes: number };
  }
  const health = async () => (await request('/healthz')).json<Health>();
  let now = await health();
  // A session of another file of tests may still run, and its disks with it: then it is those that are counted.
  for (let look = 0; look < 50 && now.memory.body_bytes > 0; look++) {
    await scheduler.wait(100);
    now = await health();
  }
  expect(now.memory.body_bytes).toBe(0);
});

describe('docs', () => {
  it('is a page that loads nothing from any other host', async () => {
    const response = await request('/docs');
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    const html = await response.text();
    expect(html).toContain('spec-url="/openapi.json"');
    expect(html).not.toMatch(/https?:/);
  });

  it('has its script', async () => {
    const [, script = ''] = /src="(.*?)"/.exec(await (await request('/docs')).text()) ?? [];
    const response = await request(script);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('rapi-doc');
  });
});

describe('openapi.json', () => {
  it('is OpenAPI 3.1 with every operation named once', async () => {
    const document = await (await request('/openapi.json')).json<{
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    }>();
    expect(document.openapi).toBe('3.1.0');
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    );
    expect(ids).toContain('fs2tar');
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the document', () => {
  interface Described {
    readonly description?: string;
    readonly $ref?: string;
    readonly allOf?: readonly Described[];
    readonly properties?: Readonly<Record<string, Described>>;
  }
  interface Document {
    readonly info: { readonly contact?: unknown };
    readonly externalDocs?: unknown;
    readonly paths: Readonly<Record<string, Readonly<Record<string, Described & { readonly security?: unknown }>>>>;
    readonly components: {
      readonly schemas: Readonly<Record<string, Described>>;
      readonly securitySchemes: Readonly<Record<string, unknown>>;
    };
  }
  const load = async () => (await (await request('/openapi.json')).json()) as Document;

  it('describes every operation, and every field that is not a schema of its own', async () => {
    const { paths, components, ...document } = await load();
    expect(document).toMatchObject({ info: { contact: { url: '/docs' } }, externalDocs: { url: expect.any(String) } });
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { description }]) => ({ operation: `${method} ${path}`, description })),
    );
    expect(operations.filter(({ description }) => !description)).toEqual([]);
    const fields = Object.entries(components.schemas)
      .filter(([name]) => !name.startsWith('Simulation'))
      .flatMap(([name, { properties = {} }]) =>
        Object.entries(properties).map(([field, schema]) => ({ field: `${name}.${field}`, ...schema })),
      );
    expect(
      fields.filter(({ description, $ref, allOf }) => !description && !$ref && !allOf).map(({ field }) => field),
    ).toEqual([]);
  });

  it('says what proves who asks, and which scope each operation takes', async () => {
    const { paths, components } = await load();
    expect(Object.keys(components.securitySchemes)).toEqual(['token', 'cloudflareAccess']);
    expect(paths['/v1/fs2tar']?.post?.security).toEqual([{ token: ['convert'] }, { cloudflareAccess: [] }]);
    expect(paths['/healthz']?.get?.security).toBeUndefined();
  });

  it('has no default in a schema: generators would take its member for one that has to be sent', async () => {
    const { components } = await load();
    expect(JSON.stringify(components.schemas)).not.toMatch(/"default":(?!\{"(type|\$ref|description))/);
  });
});

it.each(['/v1/syscalls', '/v1/sessions'])(
  'a body of another media type for %s is told which it takes',
  async (path) => {
    const response = await request(path, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      detail: expect.stringMatching(/application\/json.* not text\/plain/),
    });
  },
);

it('a socket that is no WebSocket is told so', async () => {
  const response = await request(`/v1/sessions/${crypto.randomUUID()}/socket`);
  expect(response.status).toBe(426);
  expect(response.headers.get('upgrade')).toBe('websocket');
  expect(await response.json()).toMatchObject({ title: 'this address speaks WebSocket' });
});

describe('problems', () => {
  it.each([
    ['ENOENT', 404],
    ['image-not-found', 404],
    ['kernel-panic', 500],
  ])('%s is explained', async (name, status) => {
    const response = await request(`/problems/${name}`);
    expect(await response.json()).toMatchObject({ name, status, message: expect.stringMatching(/./) });
  });

  it.each(['nothing', 'toString', '__proto__'])('%s is none', async (name) => {
    expect((await request(`/problems/${name}`)).status).toBe(404);
  });
});

describe('an unknown path', () => {
  it.each(['/', '/v1', '/v2/images', '/v1/images/a/b', '/v1/images/a/uploads/b/parts', '/healthz/'])(
    '%s is 404',
    async (path) => {
      const response = await request(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ type: 'about:blank', status: 404 });
    },
  );
});

describe('a method that is not there', () => {
  it.each([
    ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/v1/fs2tar', 'POST'],
    ['DELETE', '/v1/images', 'GET, HEAD'],
    ['PATCH', '/v1/images/a', 'GET, HEAD, PUT, DELETE'],
    ['PUT', '/v1/images/a/tar', 'GET, HEAD, POST'],
    ['PATCH', '/v1/images/a/files/etc/passwd', 'GET, HEAD, PUT, DELETE'],
    ['PUT', '/v1/images/a/uploads', 'GET, HEAD, POST'],
    ['PROPFIND', '/v1/images', 'GET, HEAD'],
  ])('%s %s is 405 and names those that are', async (method, path, allow) => {
    const response = await request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')?.split(', ').sort()).toEqual(allow.split(', ').sort());
  });
});
