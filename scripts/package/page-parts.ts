/** What the page that the Worker's `/` serves is made of: bundled for a host of static files by page.ts, for the package by pack.ts. */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { root } from '../pins.ts';

const source = join(root, 'src/browser');

/** The page, and the kernel's thread that it starts: they look for their files beside them. */
export const pageEntries = { page: join(source, 'page/main.tsx'), engine: join(source, 'worker.ts') };

export const pageSyntax = { target: 'es2024', jsx: 'automatic', jsxImportSource: 'preact' } satisfies BuildOptions;

/** Nothing runs or is fetched but what lies beside the page, and nobody frames it. */
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

/** All but scripts, wasm and tools. */
export function copyPageFiles(target: string): void {
  mkdirSync(target, { recursive: true });
  copyFileSync(join(source, 'page/index.html'), join(target, 'index.html'));
  writeFileSync(
    join(target, '_headers'),
    ['/*', `  Content-Security-Policy: ${policy.join('; ')}`, '  X-Content-Type-Options: nosniff', ''].join('\n'),
  );
}
