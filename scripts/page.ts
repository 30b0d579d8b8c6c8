/** `npm run page`: the page that the Worker's `/` serves, as files in build/page. The kernel is among them once. */

import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { englishAlone } from './english-alone.ts';
import { dist, root } from './pins.ts';

const source = join(root, 'src/browser');
const target = join(root, 'build/page');

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
await build({
  entryPoints: { page: join(source, 'page/main.tsx'), engine: join(source, 'worker.ts') },
  outdir: target,
  bundle: true,
  minify: true,
  legalComments: 'none',
  sourcemap: true,
  format: 'esm',
  // A terminal is loaded when somebody asks for it.
  splitting: true,
  chunkNames: '[name]-[hash]',
  target: 'es2024',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  plugins: [englishAlone],
  logLevel: 'warning',
});
for (const [from, to] of [
  [dist.snapshot, 'kernel.wasm'],
  [join(root, 'src/archive/xz-embedded.wasm'), 'xz.wasm'],
  [join(source, 'page/index.html'), 'index.html'],
] as const) {
  copyFileSync(from, join(target, to));
}

// Each is fetched when somebody runs it.
const tools = join(root, 'wasm/dist/tools');
mkdirSync(join(target, 'tools'), { recursive: true });
for (const name of readdirSync(tools).filter((name) => /^tools\.json$|\.wasm$/.test(name))) {
  copyFileSync(join(tools, name), join(target, 'tools', name));
}

/** For a host of static files: nothing runs or is fetched but what lies here, and nobody frames it. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  // The terminal makes rules of its own: widths of characters, colours.
  "style-src 'self' 'unsafe-inline'",
  'img-src blob: data:',
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];
writeFileSync(
  join(target, '_headers'),
  ['/*', `  Content-Security-Policy: ${policy.join('; ')}`, '  X-Content-Type-Options: nosniff', ''].join('\n'),
);
