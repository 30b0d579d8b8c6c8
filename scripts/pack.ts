/**
 * `npm pack` runs this first: the command, the library and the Worker compiled into dist/, with what they depend on in them.
 * The kernel and other data are no part of it: they lie in the package where they lie here.
 */

import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { versionText } from '../cli/version.ts';
import { writeDeclarations } from './declarations.ts';
import { englishAlone } from './english-alone.ts';
import { manPage } from './man.ts';
import { root } from './pins.ts';
import { packWorker } from './worker/pack.ts';

const target = join(root, 'dist');
rmSync(target, { recursive: true, force: true });

await build({
  entryPoints: { lkl: join(root, 'cli/main.ts'), index: join(root, 'src/library/index.ts') },
  outdir: target,
  bundle: true,
  // What a verb does not need is not read.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  external: ['miniflare'],
  plugins: [englishAlone],
  // Dependencies that are CommonJS ask for Node's modules.
  banner: {
    js: "import { createRequire as lklRequire } from 'node:module'; const require = lklRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

mkdirSync(join(target, 'uplot'));
for (const name of ['uPlot.iife.min.js', 'uPlot.min.css']) {
  copyFileSync(join(root, 'node_modules/uplot/dist', name), join(target, 'uplot', name));
}

mkdirSync(join(target, 'man'));
writeFileSync(join(target, 'man/lkl.1'), manPage(versionText(), new Date().toISOString().slice(0, 10)));

writeDeclarations(join(target, 'types'));

await packWorker(join(target, 'worker'));

// The page of `lkl serve`, which adds the kernel to it.
await import('./page.ts');
cpSync(join(root, 'build/page'), join(target, 'page'), {
  recursive: true,
  filter: (path) => !/kernel\.wasm$|\.map$|\/tools(\/|$)/.test(path),
});
