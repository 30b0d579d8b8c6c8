/**
 * The Worker on a machine of one's own: the bundle that is deployed, in workerd, with images and sessions in a folder.
 *
 *   node scripts/self-host.ts [--port 8787] [--host 0.0.0.0] [--storage DIRECTORY] [--build]
 *
 * What wrangler.toml and secrets say elsewhere is in the environment here: TOKENS, QUOTAS, AUDIT, ORIGINS … (docs/deploy.md).
 * Nobody is let in until they say whom. `--build` makes the bundle and ends.
 */

import { parseArgs } from 'node:util';
import { direct, keptGoing } from '../cli/serve/kept-going.ts';
import { loadMiniflare } from '../cli/serve/miniflare.ts';
import { workerBundle } from './worker/bundle.ts';

/** Of src/worker/env.ts. `OPEN` is not among them: it is for a machine that nobody else reaches. */
const SETTINGS = [
  'TOKENS',
  'PUBLIC_SCOPES',
  'ACCESS_TEAM',
  'ACCESS_AUDIENCE',
  'ACCESS_SCOPES',
  'ORIGINS',
  'REQUEST_LOG',
  'MAX_IMAGE_BYTES',
  'QUOTAS',
  'AUDIT',
] as const;
const NAME = 'lkl';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8787' },
    host: { type: 'string', default: '0.0.0.0' },
    storage: { type: 'string', default: 'storage' },
    build: { type: 'boolean', default: false },
  },
});

const { buckets, durableObjects, mainModule, modules, ...bundle } = await workerBundle();
const { Miniflare } = await loadMiniflare();
if (!values.build) {
  const classes = Object.entries(durableObjects);
  const settings = SETTINGS.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, { type: 'text', value } as const] as const];
  });
  const start = () => {
    const started = new Miniflare({
      cf: false,
      logRequests: false,
      resourcePersistencePath: values.storage,
      // One JSON line of each request, as the Worker writes it.
      handleStructuredLogs: ({ level, message }) => (level === 'error' ? console.error(message) : console.log(message)),
      workers: [
        {
          dev: { unsafeDirectSockets: [{}] },
          config: {
            name: NAME,
            compatibilityDate: bundle.compatibilityDate,
            compatibilityFlags: [...bundle.compatibilityFlags],
            manifest: { mainModule, modules: { ...modules } },
            env: {
              ...Object.fromEntries(settings),
              ...Object.fromEntries(
                Object.entries(buckets).map(([binding, name]) => [binding, { type: 'r2', name } as const]),
              ),
              ...Object.fromEntries(
                classes.map(([binding, exportName]) => [
                  binding,
                  { type: 'durable-object', worker: NAME, exportName } as const,
                ]),
              ),
            },
            exports: Object.fromEntries(
              classes.map(([, name]) => [name, { type: 'durable-object', storage: 'sqlite' } as const]),
            ),
          },
        },
      ],
    });
    return direct(NAME, started);
  };
  const { host, port } = values;
  const { url, end } = await keptGoing({ start, host, port: Number(port), told: console.error });
  console.log(`lkl serves ${url.origin} (/docs describes it)`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().then(() => process.exit(0)));
  }
}
