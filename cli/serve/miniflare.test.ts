import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { growth, loadMiniflare } from './miniflare.ts';

it('is the package, whose line is there still, and no other line is alike', async () => {
  const source = readFileSync(createRequire(import.meta.url).resolve('miniflare'), 'utf8');
  expect(source.split(growth)).toHaveLength(2);
  expect((await loadMiniflare()).Miniflare).toBeTypeOf('function');
});
