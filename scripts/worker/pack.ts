/** The Worker in the package: its modules, which it shares with command and page, and what describes its bindings. */

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, matchesGlob, relative, resolve } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';
import { TOOLS_PACKAGE } from '../../src/node/toolbox.ts';
import { root } from '../pins.ts';
import { readConfig } from './bundle.ts';

const config = readConfig();
const texts = (config.rules ?? []).filter(({ type }) => type === 'Text').flatMap(({ globs }) => globs);

export const workerEntry = join(root, config.main);

/** They are a package, from which they are imported. */
const tools = join(root, 'wasm/dist/tools');

/**
 * Texts go into the module that imports them; wasm is imported from where the package has it. `folder`: a folder of the
 * package, as deep as each that modules with wasm come to lie in.
 */
export const workerAssets = (folder: string): Plugin => {
  const isOurs = {};
  return {
    name: 'worker-assets',
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /\.\w+$/ }, async ({ path, pluginData, ...options }) => {
        if (pluginData === isOurs) return undefined;
        const resolved = await resolve(path, { ...options, pluginData: isOurs });
        if (resolved.errors.length > 0) return undefined;
        if (resolved.path.endsWith('.wasm')) {
          const isTool = dirname(resolved.path) === tools;
          const path = isTool ? `${TOOLS_PACKAGE}/${basename(resolved.path)}` : relative(folder, resolved.path);
          return { path, external: true };
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
  };
};

/** Writes worker.json beside `main`, an output of `metafile` that is in the package. */
export function describeWorker(main: string, { outputs }: Metafile): void {
  const description = {
    main: relative(root, main),
    modules: [...modulesFrom(relative(root, main), outputs)],
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags ?? [],
    buckets: Object.fromEntries(config.r2_buckets?.map(({ binding, bucket_name }) => [binding, bucket_name]) ?? []),
    durableObjects: Object.fromEntries(
      config.durable_objects?.bindings.map(({ name, class_name }) => [name, class_name]) ?? [],
    ),
  };
  writeFileSync(join(dirname(main), 'worker.json'), `${JSON.stringify(description, null, 2)}\n`);
}

/** All that is loaded with a module, itself too: named from the root of the package. The platform's own are not, nor are tools. */
function modulesFrom(main: string, outputs: Metafile['outputs']): ReadonlySet<string> {
  const seen = new Set([main]);
  for (const name of seen) {
    for (const { path, external } of outputs[name]?.imports ?? []) {
      if (external !== true) seen.add(path);
      else if (/^\.\.?\/.*\.wasm$/.test(path)) seen.add(relative(root, resolve(root, name, '..', path)));
    }
  }
  return seen;
}
