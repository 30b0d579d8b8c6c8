/** `npm run page`: the page that the Worker's `/` serves, as files in build/page. The kernel is among them once. */

import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { englishAlone } from './package/english-alone.ts';
import { copyPageFiles, pageEntries, pageSyntax } from './package/page-parts.ts';
import { dist, root } from './pins.ts';

const target = join(root, 'build/page');

rmSync(target, { recursive: true, force: true });
copyPageFiles(target);
await build({
  ...pageSyntax,
  entryPoints: pageEntries,
  outdir: target,
  bundle: true,
  minify: true,
  legalComments: 'none',
  sourcemap: true,
  format: 'esm',
  // A terminal is loaded when somebody asks for it.
  splitting: true,
  chunkNames: '[name]-[hash]',
  plugins: [englishAlone],
  logLevel: 'warning',
});
copyFileSync(dist.snapshot, join(target, 'kernel.wasm'));
copyFileSync(join(root, 'src/archive/xz-embedded.wasm'), join(target, 'xz.wasm'));

// Each is fetched when somebody runs it.
const tools = join(root, 'wasm/dist/tools');
mkdirSync(join(target, 'tools'), { recursive: true });
for (const name of readdirSync(tools).filter((name) => /^tools\.json$|\.wasm$/.test(name))) {
  copyFileSync(join(tools, name), join(target, 'tools', name));
}
