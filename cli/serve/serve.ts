/** The package's Worker in a workerd of this machine, until it is interrupted. */

import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { hasCode } from '../../src/errors/has-code.ts';
import { leaves } from '../../src/node/left-behind.ts';
import { packageFile } from '../../src/node/package-files.ts';
import { TOOLS_PACKAGE, toolFolder } from '../../src/node/toolbox.ts';
import { Failure, portFailure, reasonOf } from '../failure.ts';
import { direct, keptGoing } from './kept-going.ts';
import { loadMiniflare } from './miniflare.ts';

export interface ServeOptions {
  readonly port: number;
  readonly storage?: string;
}

/** As scripts/worker/pack.ts writes it. */
interface Description {
  readonly main: string;
  /** `main` and what it imports, named from the root of the package; not the tools. */
  readonly modules: readonly string[];
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** Names of bindings, and of their buckets. */
  readonly buckets: Readonly<Record<string, string>>;
  /** Names of bindings, and of their classes. */
  readonly durableObjects: Readonly<Record<string, string>>;
}

const NAME = 'lkl';
const HOST = '127.0.0.1';

const { miniflare: version } = packageJson.peerDependencies;

export async function serve({ port, storage }: ServeOptions): Promise<void> {
  if (existsSync(packageFile('cli/main.ts'))) {
    throw new Failure('usage', 'the Worker of a checkout is served by npm run dev');
  }
  const description: Description = JSON.parse(readFileSync(packageFile('dist/worker/worker.json'), 'utf8'));
  const { Miniflare } = await loadMiniflare().catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    throw code === 'ERR_MODULE_NOT_FOUND'
      ? new Failure('failed', `serve needs another package beside this one: npm install "miniflare@${version}"`)
      : new Failure('failed', `miniflare cannot be loaded: ${reasonOf(cause)}`);
  });
  const text = (value: string) => ({ type: 'text', value }) as const;
  const classes = Object.entries(description.durableObjects);
  const start = () => {
    const started = new Miniflare({
      cf: false,
      host: HOST,
      port: 0,
      logRequests: false,
      ...(storage !== undefined && { resourcePersistencePath: resolve(storage) }),
      workers: [
        {
          dev: { unsafeDirectSockets: [{ host: HOST }] },
          config: {
            name: NAME,
            compatibilityDate: description.compatibilityDate,
            compatibilityFlags: [...description.compatibilityFlags],
            manifest: { mainModule: description.main, modules: modulesOf(description) },
            env: {
              OPEN: text('loopback'),
              ...Object.fromEntries(
                Object.entries(description.buckets).map(([binding, name]) => [binding, { type: 'r2', name } as const]),
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
            assets: { directory: pageFolder(), hasUserWorker: true },
          },
        },
      ],
    });
    return direct(NAME, started);
  };
  const told = (message: string) => console.error(`lkl: ${message}`);
  const { url } = await keptGoing({ start, host: HOST, port, told }).catch((cause: unknown) => {
    throw hasCode(cause, 'EADDRINUSE') ? portFailure(port, cause) : cause;
  });
  console.log(`lkl serves ${url.origin} (/docs describes it)`);
  await new Promise(() => {}); // a signal ends the process
}

type Module =
  | { readonly type: 'esm'; readonly contents: string }
  | { readonly type: 'wasm'; readonly contents: Uint8Array<ArrayBuffer> };

function modulesOf({ main, modules }: Description): Record<string, Module> {
  const own = modules.map((name): [string, Module] => {
    const path = packageFile(name);
    return name.endsWith('.js')
      ? [name, { type: 'esm', contents: readFileSync(path, 'utf8') }]
      : [name, { type: 'wasm', contents: readFileSync(path) }];
  });
  return { ...Object.fromEntries(own), ...toolModules(dirname(main)) };
}

/** The tools are a package of their own: without it the Worker has none, and says so when one is to run. `beside`: where the module lies that imports them, for there is looked for what is named without a path. */
function toolModules(beside: string): Record<string, Module> {
  const folder = toolFolder();
  if (folder === undefined) return {};
  const names = readdirSync(folder).filter((name) => name.endsWith('.wasm'));
  return Object.fromEntries(
    names.map((name) => [
      `${beside}/${TOOLS_PACKAGE}/${name}`,
      { type: 'wasm', contents: readFileSync(join(folder, name)) },
    ]),
  );
}

/** The files of the page at /; the package has kernel and decoder once, and the tools are another: the page fetches them as some of them. Gone at exit. */
function pageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lkl-page-'));
  leaves(folder);
  cpSync(packageFile('dist/page'), folder, { recursive: true });
  // The page's scripts name these beside their own folder, which is the top here.
  cpSync(packageFile('dist/chunks'), join(folder, 'chunks'), { recursive: true });
  copyFileSync(packageFile('wasm/dist/kernel.wasm'), join(folder, 'kernel.wasm'));
  copyFileSync(packageFile('src/archive/xz-embedded.wasm'), join(folder, 'xz.wasm'));
  const tools = toolFolder();
  if (tools !== undefined) cpSync(tools, join(folder, 'tools'), { recursive: true });
  return folder;
}
