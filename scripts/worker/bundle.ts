/** The Worker as modules for an embedded workerd: bundled once, as wrangler.toml has it, and cached under its sources' hash. */

import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, matchesGlob, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { parse } from 'smol-toml';

/** What becomes of files that match. */
interface Rule {
  readonly type: string;
  readonly globs: readonly string[];
}

/** What is used of wrangler.toml. */
export interface WranglerConfig {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags?: readonly string[];
  readonly rules?: readonly Rule[];
  readonly r2_buckets?: readonly { readonly binding: string; readonly bucket_name: string }[];
  readonly durable_objects?: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[];
  };
}

export interface WorkerBundle {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** Names of bindings, and of their buckets. */
  readonly buckets: Readonly<Record<string, string>>;
  /** Names of bindings, and of their classes. */
  readonly durableObjects: Readonly<Record<string, string>>;
  readonly mainModule: string;
  readonly modules: Readonly<
    Record<string, { readonly type: ModuleType; readonly contents: string | Uint8Array<ArrayBuffer> }>
  >;
}

type ModuleType = 'esm' | 'wasm' | 'text' | 'data';

/** Names of wrangler's rules. */
const moduleTypes: Readonly<Record<string, ModuleType>> = { CompiledWasm: 'wasm', Text: 'text', Data: 'data' };

/** Wrangler's own rules: https://developers.cloudflare.com/workers/wrangler/bundling/ */
const defaultRules = [
  { type: 'CompiledWasm', globs: ['**/*.wasm'] },
  { type: 'Text', globs: ['**/*.txt', '**/*.html', '**/*.sql'] },
  { type: 'Data', globs: ['**/*.bin'] },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = 'index.js';
/** Of the modules that are not JavaScript: type, and where they lie under `root`. */
type Files = Record<string, { readonly type: ModuleType; readonly path: string }>;

export const readConfig = (): WranglerConfig =>
  parse(readFileSync(join(root, 'wrangler.toml'), 'utf8')) as unknown as WranglerConfig;

/** `main`: another entry than the Worker's, under the root of the project. */
export async function workerBundle(main?: string): Promise<WorkerBundle> {
  const config = readConfig();
  const entry = main ?? config.main;
  const folder = join(cacheFolder(), `worker-${hashOfSources(entry)}`);
  if (!existsSync(folder)) await bundle(entry, config.rules ?? [], folder);

  const files: Files = JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8'));
  const modules = Object.entries(files).map(([name, { type, path }]) => {
    const bytes = readFileSync(join(root, path));
    return [name, { type, contents: type === 'text' ? bytes.toString() : bytes }] as const;
  });
  return {
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags ?? [],
    buckets: Object.fromEntries(config.r2_buckets?.map(({ binding, bucket_name }) => [binding, bucket_name]) ?? []),
    durableObjects: Object.fromEntries(
      config.durable_objects?.bindings.map(({ name, class_name }) => [name, class_name]) ?? [],
    ),
    mainModule: MAIN,
    modules: {
      [MAIN]: { type: 'esm', contents: readFileSync(join(folder, MAIN), 'utf8') },
      ...Object.fromEntries(modules),
    },
  };
}

/** With the dependencies; where those are not the user's to write to, with the user. */
function cacheFolder(): string {
  const modules = join(root, 'node_modules');
  try {
    accessSync(modules, constants.W_OK);
    return join(modules, '.cache', 'lkl');
  } catch {
    return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lkl');
  }
}

/** Of all that goes into the bundle, by content; wasm does not, it is read where it lies. */
function hashOfSources(entry: string): string {
  const hash = createHash('sha256').update(entry);
  for (const name of [
    entry,
    'package-lock.json',
    'wrangler.toml',
    'test/embedded',
    'test/bench',
    'src',
    'wasm/dist',
  ].flatMap(sourcesIn)) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

function sourcesIn(name: string): string[] {
  if (statSync(join(root, name)).isFile()) return [name];
  const names = readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).sort();
  return names.filter((name) => /(?<!\.test)\.(ts|json)$/.test(name)).map((source) => join(name, source));
}

/** Makes `folder`, whole or not at all. */
async function bundle(entry: string, rules: readonly Rule[], folder: string): Promise<void> {
  const { build } = await import('esbuild'); // seldom needed
  const files: Files = {};
  const { outputFiles } = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'silent',
    plugins: [filesAsModules([...rules, ...defaultRules], files)],
  });
  const made = `${folder}.${process.pid}`;
  mkdirSync(made, { recursive: true });
  try {
    writeFileSync(join(made, MAIN), outputFiles[0]?.contents ?? '');
    writeFileSync(join(made, 'files.json'), JSON.stringify(files));
    renameSync(made, folder);
  } catch (cause) {
    if (!existsSync(folder)) throw cause; // another process was first
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** Leaves imports that a rule matches to the runtime, and notes them in `files`. */
const filesAsModules = (rules: readonly Rule[], files: Files): Plugin => ({
  name: 'files-as-modules',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.\w+$/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === files) return undefined;
      const resolved = await resolve(path, { ...options, pluginData: files });
      const rule = rules.find(({ globs }) => globs.some((glob) => matchesGlob(resolved.path, glob)));
      const type = rule && moduleTypes[rule.type];
      if (resolved.errors.length > 0 || type === undefined) return undefined;
      const name = basename(resolved.path);
      files[name] = { type, path: relative(root, resolved.path) };
      return { path: `./${name}`, external: true };
    });
  },
});
