/** For tests and benchmarks: the Worker in a workerd of its own, whose storage is gone when it is closed. */

import type { Miniflare, WorkerdStructuredLog } from 'miniflare';
import { loadMiniflare } from '../../cli/serve/miniflare.ts';
import { workerBundle } from '../../scripts/worker/bundle.ts';

export const NAME = 'lkl';

export interface EmbeddedWorker {
  readonly url: URL;
  /** What it logged so far. */
  readonly log: readonly WorkerdStructuredLog[];
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Another entry than the Worker's, under the root of the project. */
  readonly main?: string;
  /** A folder for what it stores, which then stays. */
  readonly storage?: string;
  /** Variables, beside those that open it to this machine. */
  readonly vars?: Readonly<Record<string, string>>;
}

export async function embeddedWorker(options: EmbeddedOptions = {}): Promise<EmbeddedWorker> {
  const log: WorkerdStructuredLog[] = [];
  const direct = { unsafeDirectSockets: [{}] }; // without it each request passes through a Worker of miniflare's first
  const miniflare = (await embeddedMiniflare(options, log, direct))();
  const url = await miniflare.unsafeGetDirectURL(NAME);
  return { url, log, close: () => miniflare.dispose() };
}

/** Makes it on a port; what it logs is added to `log`. */
export async function embeddedMiniflare(
  { main, storage, vars = {} }: EmbeddedOptions = {},
  log: WorkerdStructuredLog[] = [],
  dev: { unsafeDirectSockets?: Record<string, never>[] } = {},
): Promise<(port?: number) => Miniflare> {
  const { buckets, durableObjects, mainModule, modules, ...bundle } = await workerBundle(main);
  const { Miniflare } = await loadMiniflare();
  return (port) =>
    new Miniflare({
      cf: false,
      logRequests: false,
      ...(port !== undefined && { port }),
      ...(storage !== undefined && { resourcePersistencePath: storage }),
      handleStructuredLogs: (line) => log.push(line),
      workers: [
        {
          dev,
          config: {
            name: NAME,
            compatibilityDate: bundle.compatibilityDate,
            compatibilityFlags: [...bundle.compatibilityFlags],
            manifest: { mainModule, modules: { ...modules } },
            env: {
              OPEN: { type: 'text', value: 'loopback' },
              REQUEST_LOG: { type: 'text', value: 'off' },
              ...mapValues(vars, (value) => ({ type: 'text', value }) as const),
              ...mapValues(buckets, (name) => ({ type: 'r2', name }) as const),
              ...mapValues(
                durableObjects,
                (exportName) => ({ type: 'durable-object', worker: NAME, exportName }) as const,
              ),
            },
            exports: Object.fromEntries(
              Object.values(durableObjects).map((name) => [
                name,
                { type: 'durable-object', storage: 'sqlite' } as const,
              ]),
            ),
          },
        },
      ],
    });
}

const mapValues = <From, To>(object: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
