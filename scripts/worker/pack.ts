/** The Worker for the package: one module and what describes its bindings. The kernel stays where it lies in the package. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, matchesGlob, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { englishAlone } from '../english-alone.ts';
import { root } from '../pins.ts';
import { readConfig } from './bundle.ts';

/** `target`: a folder of the package, which is made. */
export async function packWorker(target: string): Promise<void> {
  const config = readConfig();
  const texts = (config.rules ?? []).filter(({ type }) => type === 'Text').flatMap(({ globs }) => globs);
  const modules = new Set<string>();
  await build({
    entryPoints: { index: join(root, config.main) },
    outdir: target,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [englishAlone, assets(target, texts, modules)],
  });
  const description = {
    main: relative(root, join(target, 'index.js')),
    modules: [...modules],
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags ?? [],
    buckets: Object.fromEntries(config.r2_buckets?.map(({ binding, bucket_name }) => [binding, bucket_name]) ?? []),
    durableObjects: Object.fromEntries(
      config.durable_objects?.bindings.map(({ name, class_name }) => [name, class_name]) ?? [],
    ),
  };
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'worker.json'), `${JSON.stringify(description, null, 2)}\n`);
}

/** Texts go into the module; wasm is imported from where the package has it, and noted in `modules`. */
const assets = (target: string, texts: readonly string[], modules: Set<string>): Plugin => ({
  name: 'assets',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /\.\w+$/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === modules) return undefined;
      const resolved = await resolve(path, { ...options, pluginData: modules });
      if (resolved.errors.length > 0) return undefined;
      if (resolved.path.endsWith('.wasm')) {
        modules.add(relative(root, resolved.path));
        return { path: relative(target, resolved.path), external: true };
      }
      return texts.some((glob) => matchesGlob(resolved.path, glob))
        ? { path: resolved.path, namespace: 'text' }
        : undefined;
    });
    onLoad({ filter: /.*/, namespace: 'text' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8'),
      loader: 'text',
    }));
  },
});
