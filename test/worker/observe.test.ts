/** What is noted of requests: rows of the audit trail, lines of the log, figures; nobody's data, and no secret. */

import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RequestLine } from '../../src/worker/observe/request.ts';
import { romfs } from '../fakes/romfs.ts';
import { asked, deployed } from './deployed.ts';
import { inProcess, request } from './harness.ts';

const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const SECRET = 'correct horse battery staple';
const image = romfs([['secret', new TextEncoder().encode(SECRET)]]);
const headers = { 'content-type': 'application/octet-stream', 'content-length': String(image.length) };
const put = { method: 'PUT', headers, body: image };

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  void writer.write(bytes).then(() => writer.close());
  return readable;
}

interface Entry {
  readonly request: string;
  readonly principal: string;
  readonly operation: string;
  readonly outcome: string;
  readonly image?: string;
  readonly etag?: string;
  readonly received_bytes: number;
  readonly sent_bytes: number;
}

afterEach(() => vi.restoreAllMocks());

describe('the audit trail', () => {
  it('says who did what to which version of an image, and how it went', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const name = `audited-${crypto.randomUUID()}`;
    const stored = await request(`/v1/images/${name}`, asked(tokens[0], put), send);
    await (await request(`/v1/images/${name}/files/secret`, asked(tokens[0]), send)).text();
    await request(`/v1/images/${name}`, asked(tokens[0], { method: 'DELETE' }), send);
    await request(`/v1/images/${name}/tar`, asked(tokens[0]), send);
    const page = await request(`/v1/audit?image=${name}`, asked(tokens[0]), send);
    const { entries } = (await page.json()) as { entries: Entry[] };
    expect(entries.map(({ operation, outcome }) => [operation, outcome])).toEqual([
      ['getImageTar', 'image-not-found'],
      ['deleteImage', 'ok'],
      ['getImageFile', 'ok'],
      ['putImage', 'ok'],
    ]);
    const etag = stored.headers.get('etag')?.replaceAll('"', '');
    expect(entries[3]).toMatchObject({ image: name, etag, received_bytes: image.length });
    expect(entries[2]).toMatchObject({ etag, sent_bytes: SECRET.length });
    expect(entries[3]?.request).toBe(stored.headers.get('x-request-id'));
    expect(entries.every(({ principal }) => principal.startsWith('token:'))).toBe(true);
    expect(JSON.stringify(entries)).not.toContain(tokens[0]);
    expect(JSON.stringify(entries)).not.toContain('horse');
  });

  it('counts what came of a body, whether its length was said or not', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const name = `chunked-${crypto.randomUUID()}`;
    const chunked = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body: streamOf(image) };
    await (await request(`/v1/images/${name}`, asked(tokens[0], chunked), send)).text();
    const calls = JSON.stringify({ calls: [{ call: 'getpid' }] });
    await (await request('/v1/syscalls', asked(tokens[0], json({ calls: [{ call: 'getpid' }] })), send)).text();
    const page = await request('/v1/audit?limit=2', asked(tokens[0]), send);
    const { entries } = (await page.json()) as { entries: Entry[] };
    expect(entries.map((entry) => entry.received_bytes)).toEqual([calls.length, image.length]);
  });

  it('says of every answer how many bytes it had, made in one piece, streamed, refused or to HEAD', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const name = `measured-${crypto.randomUUID()}`;
    await request(`/v1/images/${name}`, asked(tokens[0], put), send);
    const { id } = (await (await request('/v1/principal', asked(tokens[0]), send)).json()) as { id: string };
    const requests: (readonly [string, RequestInit?])[] = [
      [`/v1/images/${name}`],
      [`/v1/images/${name}/tar`],
      [`/v1/images/${name}/files/secret`],
      [`/v1/images/${name}/files/`],
      ['/v1/images?limit=5'],
      ['/v1/syscalls', json({ calls: [{ call: 'getpid' }] })],
      ['/v1/syscalls', json({ calls: 'é' })],
      ['/v1/sessions', json({ expires_in_s: 60 })],
      [`/v1/images/${name}`, { method: 'HEAD' }],
      [`/v1/images/${name}`, { method: 'DELETE' }],
    ];
    const lengths: number[] = [];
    for (const [path, init] of requests) {
      lengths.unshift((await (await request(path, asked(tokens[0], init), send)).arrayBuffer()).byteLength);
    }
    const page = await request(`/v1/audit?principal=${id}&limit=${requests.length}`, asked(tokens[0]), send);
    const { entries } = (await page.json()) as { entries: Entry[] };
    expect(entries.map((entry) => entry.sent_bytes)).toEqual(lengths);
    expect(lengths.filter((length) => length > 0)).toHaveLength(requests.length - 2);
  });

  it('comes in pages, the newest first', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const ids: (string | null)[] = [];
    for (let made = 0; made < 5; made++) {
      ids.unshift((await request('/v1/principal', asked(tokens[0]), send)).headers.get('x-request-id'));
    }
    const { id } = (await (await request('/v1/principal', asked(tokens[0]), send)).json()) as { id: string };
    const read = async (query: string) =>
      (await (
        await request(`/v1/audit?principal=${id}&operation=getPrincipal&${query}`, asked(tokens[0]), send)
      ).json()) as {
        entries: Entry[];
        before?: number;
      };
    const first = await read('limit=4');
    const second = await read(`limit=4&before=${first.before}`);
    const found = [...first.entries, ...second.entries].map((entry) => entry.request);
    expect(found.slice(1)).toEqual(ids);
    expect(second.before).toBeUndefined();
  });

  it('is for nobody without admin, and none is kept where its owner said so', async () => {
    const everything = ['images:read', 'images:write', 'convert', 'syscalls', 'sessions', 'simulate'] as const;
    const { send, tokens } = await deployed({ AUDIT: 'writes' }, { scopes: everything }, { scopes: ['admin'] });
    for (const path of ['/v1/audit', '/metrics']) {
      expect((await request(path, asked(tokens[0]), send)).status).toBe(403);
      expect((await request(path, {}, send)).status).toBe(401);
    }
    const { id } = (await (await request('/v1/principal', asked(tokens[0]), send)).json()) as { id: string };
    await request('/v1/syscalls', asked(tokens[0], json({ calls: [] })), send);
    const page = await request(`/v1/audit?principal=${id}`, asked(tokens[1]), send);
    expect(((await page.json()) as { entries: Entry[] }).entries.map(({ operation }) => operation)).toEqual([
      'postSyscalls',
    ]);
  });
});

describe('the line of a request', () => {
  it('is JSON, with its phases and its bytes, and has neither query, header nor body', async () => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    const { send, tokens } = await deployed({ REQUEST_LOG: '' }, { scopes: ['syscalls', 'images:read'] });
    const calls = [{ call: 'write', args: [1, { utf8: SECRET }, 4] }];
    const response = await request('/v1/syscalls?x=querysecret', asked(tokens[0], json({ calls })), send);
    const line = JSON.parse(lines.at(-1) ?? '{}') as RequestLine;
    expect(line).toMatchObject({
      request: response.headers.get('x-request-id'),
      operation: 'postSyscalls',
      path: '/v1/syscalls',
      principal: expect.stringMatching(/^token:/),
      phases: { queue: expect.any(Number), restore: expect.any(Number) },
    });
    expect(line.ms).toBeGreaterThanOrEqual(0);
    expect(lines.join()).not.toMatch(/horse|querysecret/);
    expect(lines.join()).not.toContain(tokens[0]?.slice(15));
  });

  it('goes to Analytics Engine where that is bound', async () => {
    const points: AnalyticsEngineDataPoint[] = [];
    const ANALYTICS = { writeDataPoint: (point: AnalyticsEngineDataPoint = {}) => void points.push(point) };
    await request('/v1/images?prefix=none', {}, inProcess({ ANALYTICS }));
    expect(points).toEqual([
      {
        indexes: ['local'],
        blobs: ['listImages', 'GET', 'ok'],
        doubles: [200, expect.any(Number), 0, 0, expect.any(Number)],
      },
    ]);
  });
});

describe('Server-Timing', () => {
  it('says how long each phase took', async () => {
    await env.IMAGES.put('images/timed', image);
    const described = await request('/v1/images/timed');
    const names = described.headers.get('server-timing')?.match(/\w+(?=;dur=)/g);
    expect(names).toEqual(['queue', 'restore', 'mount', 'read', 'total']);
  });
});

describe('/metrics', () => {
  it('is what Prometheus reads: each family once, with its help, type and values', async () => {
    await request('/v1/syscalls', json({ calls: [{ call: 'getpid' }] }), inProcess());
    await request('/v1/images/none/tar', {}, inProcess());
    const response = await request('/metrics', {}, inProcess());
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    const families = new Map<string, string[]>();
    let family = '';
    for (const line of text.trimEnd().split('\n')) {
      const [, kind, name = ''] = /^# (HELP|TYPE) (\w+) \S/.exec(line) ?? [];
      if (kind === 'HELP') {
        expect(families.has(name)).toBe(false);
        families.set(name, []);
        family = name;
      }
      if (kind !== undefined) continue;
      expect(line).toMatch(/^\w+(\{(\w+="([^"\\\n]|\\.)*",?)+\})? -?\d+(\.\d+)?(e[-+]\d+)?$/);
      expect(line.startsWith(family)).toBe(true);
      families.get(family)?.push(line);
    }
    expect(text).toMatch(/^lkl_requests_total\{operation="postSyscalls",status="200",outcome="ok"\} \d+$/m);
    expect(text).toMatch(/^lkl_requests_total\{operation="getImageTar",status="404",outcome="image-not-found"\} \d+$/m);
    expect(text).toMatch(/^lkl_r2_operations_total\{operation="head",failed="false"\} \d+$/m);
    expect(text).toMatch(/^lkl_request_seconds_bucket\{operation="postSyscalls",le="\+Inf"\} \d+$/m);
    expect(text).toMatch(/^lkl_kernels_made_total\{of="snapshot"\} [1-9]\d*$/m);
    for (const name of ['lkl_ready', 'lkl_kernel_memory_bytes', 'lkl_body_memory_bytes']) {
      expect(families.get(name)).toHaveLength(1);
    }
  });
});
