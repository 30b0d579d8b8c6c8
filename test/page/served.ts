/** For tests: the page as a host of static files serves it, with the headers that it asks for. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'build/page');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** Builds the page, and answers where it is. */
export async function servedPage(): Promise<{
  readonly url: string;
  hide(paths: RegExp | undefined): void;
  close(): void;
}> {
  execFileSync(process.execPath, [join(root, 'scripts/page.ts')]);
  const headers = Object.fromEntries(
    readFileSync(join(folder, '_headers'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('  '))
      .map((line): [string, string] => [line.trim().split(':', 1)[0] ?? '', line.slice(line.indexOf(': ') + 2)]),
  );
  let hidden: RegExp | undefined;
  const server: Server = createServer(({ url = '/' }, response) => {
    const path = url === '/' ? '/index.html' : url;
    const type = types[extname(path)];
    if (type === undefined || hidden?.test(path)) return response.writeHead(404).end();
    return response.writeHead(200, { ...headers, 'content-type': type }).end(readFileSync(join(folder, path)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    /** As a host that has not got these. */
    hide(paths) {
      hidden = paths;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
