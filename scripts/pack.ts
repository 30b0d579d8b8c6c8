/**
 * `npm pack` runs this first: the command, the library, the Worker and the page compiled into dist/, with what they depend
 * on in them. They are one build, since two thirds of each is the engine that they share: it is in the package once. The
 * kernel and other data are no part of it: they lie in the package where they lie here.
 */

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { versionText } from '../cli/version.ts';
import { writeDeclarations } from './declarations.ts';
import { englishAlone } from './english-alone.ts';
import { manPage } from './man.ts';
import { copyPageFiles, pageEntries, pageSyntax } from './page-parts.ts';
import { root } from './pins.ts';
import { describeWorker, workerAssets, workerEntry } from './worker/pack.ts';

const target = join(root, 'dist');
rmSync(target, { recursive: true, force: true });

const CHUNKS = 'chunks';
const worker = join(target, 'worker/index.js');

const { metafile } = await build({
  ...pageSyntax,
  absWorkingDir: root,
  entryPoints: {
    lkl: join(root, 'cli/main.ts'),
    index: join(root, 'src/library/index.ts'),
    'worker/index': workerEntry,
    ...Object.fromEntries(Object.entries(pageEntries).map(([name, path]) => [`page/${name}`, path])),
  },
  outdir: target,
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
  plugins: [englishAlone, workerAssets(join(target, CHUNKS))],
  logLevel: 'warning',
});
describeWorker(worker, metafile);
// Of `lkl serve`, which adds the kernel to it.
copyPageFiles(join(target, 'page'));

mkdirSync(join(target, 'uplot'));
for (const name of ['uPlot.iife.min.js', 'uPlot.min.css']) {
  copyFileSync(join(root, 'node_modules/uplot/dist', name), join(target, 'uplot', name));
}

mkdirSync(join(target, 'man'));
writeFileSync(join(target, 'man/lkl.1'), manPage(versionText(), new Date().toISOString().slice(0, 10)));

writeDeclarations(join(target, 'types'));
