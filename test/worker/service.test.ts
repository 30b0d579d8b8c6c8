/** The service's own routes, and what every route does with requests for nothing it has. */

import { describe, expect, it } from 'vitest';
import { request } from './harness.ts';

it('healthz answers', async () => {
  const response = await request('/healthz');
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    ok: true,
    ready: true,
    kernels: expect.any(Number),
    memory: { body_bytes: 0 },
  });
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
    ['PUT', '/v1/images/a/tar', 'GET, HEAD'],
    ['DELETE', '/v1/images/a/files/etc/passwd', 'GET, HEAD'],
    ['PUT', '/v1/images/a/uploads', 'GET, HEAD, POST'],
    ['PROPFIND', '/v1/images', 'GET, HEAD'],
  ])('%s %s is 405 and names those that are', async (method, path, allow) => {
    const response = await request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')?.split(', ').sort()).toEqual(allow.split(', ').sort());
  });
});
