/** The Worker in a workerd of our own: no server, no account, no network; what it stores is gone when it is closed. */

import { mkdtempSync, read, rmSync, symlinkSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Miniflare, type MiniflareServiceBinding, type WorkerdStructuredLog } from 'miniflare';
import type { ImageFile } from './image.ts';
import { workerBundle } from './worker-bundle.ts';

const NAME = 'lkl';

export interface EmbeddedWorker {
  readonly url: URL;
  /** What it logged so far. */
  readonly log: readonly WorkerdStructuredLog[];
  close(): Promise<void>;
}

/**
 * `file` is an image to it, under its name, and read where it lies. `main` is another entry than the Worker's, for benchmarks.
 * `storage`: a folder for what it stores, which then stays.
 */
export async function embeddedWorker(file?: ImageFile, main?: string, storage?: string): Promise<EmbeddedWorker> {
  const { buckets, durableObjects, mainModule, modules, ...bundle } = await workerBundle(main);
  const log: WorkerdStructuredLog[] = [];
  const miniflare = new Miniflare({
    cf: false,
    logRequests: false,
    ...(storage !== undefined && { resourcePersistencePath: storage }),
    handleStructuredLogs: (line) => log.push(line),
    workers: [
      {
        dev: { unsafeDirectSockets: [{}] }, // without it each request passes through a Worker of miniflare's first
        config: {
          name: NAME,
          compatibilityDate: bundle.compatibilityDate,
          compatibilityFlags: [...bundle.compatibilityFlags],
          manifest: { mainModule, modules: { ...modules } },
          env: {
            ...mapValues(buckets, (name) => ({ type: 'r2', name }) as const),
            ...mapValues(
              durableObjects,
              (exportName) => ({ type: 'durable-object', worker: NAME, exportName }) as const,
            ),
            ...(file && { FILES: fileService(file) }),
          },
          exports: Object.fromEntries(
            Object.values(durableObjects).map((name) => [name, { type: 'durable-object', storage: 'sqlite' } as const]),
          ),
        },
      },
    ],
  });
  const url = await miniflare.unsafeGetDirectURL(NAME);
  return { url, log, close: () => miniflare.dispose() };
}

const mapValues = <From, To>(object: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

/** Answers HEAD and ranges. workerd reads regular files itself, below a folder it is given; the folder goes at exit. */
function fileService(file: ImageFile): MiniflareServiceBinding {
  if (file.isBlockDevice) {
    const handler = (request: IncomingMessage, response: ServerResponse) => serve(file, request, response);
    return { type: 'node-handler', handler };
  }
  const path = mkdtempSync(join(tmpdir(), 'lkl-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  symlinkSync(file.path, join(path, file.name));
  return { type: 'disk', path, writable: false };
}

const readAt = promisify(read);

async function serve(
  { name, fd, sizeBytes }: ImageFile,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  if (request.url !== `/${name}`) {
    response.writeHead(404).end();
  } else if (from === undefined || to === undefined) {
    response.writeHead(200, { 'content-length': sizeBytes }).end();
  } else {
    const range = await bytesAt(fd, Number(from), Number(to) + 1 - Number(from));
    response.writeHead(206, { 'content-length': range.length, 'content-range': `bytes ${from}-${to}/${sizeBytes}` });
    response.end(range);
  }
}

/** Rejects when there are fewer: Miniflare then answers 500. */
async function bytesAt(fd: number, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await readAt(fd, bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new Error(`no bytes at ${position + done}`);
    done += bytesRead;
  }
  return bytes;
}
