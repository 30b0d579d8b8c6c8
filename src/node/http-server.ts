/** A function of requests as an HTTP server of this machine. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface HttpServer {
  readonly url: URL;
  /** Takes no more requests; settles when those under way are done. */
  close(): Promise<void>;
  /** Drops the connections there are. */
  drop(): void;
}

export interface HttpServerOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Told of what a handler threw: the client gets 500. */
  readonly failed: (cause: unknown) => void;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/**
 * On loopback alone. Requests for other names (a page's own name may be made to lead here: DNS rebinding) and those of pages of
 * other sites are refused with 403.
 */
export async function httpServer(
  handle: (request: Request) => Promise<Response>,
  { port, failed }: HttpServerOptions,
): Promise<HttpServer> {
  const server = createServer((incoming, outgoing) => {
    answer(handle, incoming, outgoing).catch((cause: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(500).end();
      else outgoing.destroy();
      if (!incoming.destroyed || outgoing.errored === null) failed(cause);
    });
  });
  // Whoever puts a large file needs as long as that takes.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    drop: () => server.closeAllConnections(),
  };
}

async function answer(
  handle: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { headers, method = 'GET', url = '/' } = incoming;
  const host = headers.host ?? '';
  const isAsked = LOOPBACK.test(host) && (headers.origin === undefined || headers.origin === `http://${host}`);
  if (!isAsked) {
    outgoing.writeHead(403, { 'content-type': 'text/plain' }).end('only for this machine\n');
    return;
  }
  if (url.includes('#')) {
    outgoing.writeHead(400, { 'content-type': 'text/plain' }).end('a URL in a request has no fragment\n');
    return;
  }
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  const request = new Request(new URL(url, `http://${host}`), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
    ...(hasBody && method !== 'GET' && method !== 'HEAD' && { body: Readable.toWeb(incoming), duplex: 'half' }),
  } as RequestInit);
  const response = await handle(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null || method === 'HEAD') {
    outgoing.end();
    return;
  }
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), outgoing);
}
