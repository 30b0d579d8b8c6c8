import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'worker',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          // Test files share a worker: handing the kernel's wasm to a fresh one takes seconds, each time.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'cli', include: ['cli/**/*.test.ts'] } },
    ],
  },
});
