/** How the package's JavaScript is compiled: each entry a module of its own, what several need once, in chunks/. */

import { join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { root } from '../pins.ts';
import { workerAssets } from '../worker/pack.ts';
import { englishAlone } from './english-alone.ts';
import { pageSyntax } from './page-parts.ts';
import { usedJson } from './used-json.ts';

const CHUNKS = 'chunks';

/** The command, and the thread that it and the library run networks with programs in. */
export const commandEntry = {
  lkl: join(root, 'cli/main.ts'),
  'simulation-thread': join(root, 'src/node/simulation/inside.ts'),
};

/** The command makes a report's page of the modules that the Worker has: their texts are in the package once. */
const sharedTexts: Plugin = {
  name: 'shared-texts',
  setup({ onResolve }) {
    onResolve({ filter: /\/report-assets\.ts$/ }, () => ({
      path: join(root, 'src/worker/routes/simulations/report-assets.ts'),
    }));
  },
};

/** For esbuild. `folder`: dist/ of the package; paths in what it tells are from the root of the project. */
export const packageBuild = (folder: string, entryPoints: Readonly<Record<string, string>>) =>
  ({
    ...pageSyntax,
    absWorkingDir: root,
    entryPoints,
    outdir: folder,
    bundle: true,
    // What a verb does not need is not read.
    splitting: true,
    chunkNames: `${CHUNKS}/[name]-[hash]`,
    metafile: true,
    format: 'esm',
    platform: 'node',
    // What is there as modules needs no require(), which only Node has; what is for Node alone is in the command alone.
    mainFields: ['module', 'main'],
    alias: { fflate: 'fflate/browser' },
    minify: true,
    legalComments: 'none',
    external: ['miniflare', 'cloudflare:*'],
    plugins: [englishAlone, sharedTexts, usedJson, workerAssets(join(folder, CHUNKS))],
    logLevel: 'warning',
  }) satisfies BuildOptions;
