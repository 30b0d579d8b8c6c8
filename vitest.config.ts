import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig, type Plugin } from 'vitest/config';

/** In plain Node an imported `.wasm` file is a compiled module, as it is in the Worker's bundle. */
const wasmModules: Plugin = {
  name: 'wasm-modules',
  enforce: 'pre',
  load(id) {
    if (!id.endsWith('.wasm')) return undefined;
    readFileSync(id); // a missing file is an error of the import
    return [
      "import { readFileSync } from 'node:fs';",
      `export default new WebAssembly.Module(readFileSync(${JSON.stringify(id)}));`,
    ].join('\n');
  },
};

/** The plugin for workerd sets this flag itself, and workerd takes none twice; paths in the file are relative to it. */
const testedConfig = './wrangler.vitest.toml';
const config = readFileSync('./wrangler.toml', 'utf8');
writeFileSync(testedConfig, config.replace(', "no_handle_cross_request_promise_resolution"', ''));

const allMemory = ['test/worker/images/tools.test.ts'];

/** Files of tests that run in one Worker: handing the kernel's wasm to a fresh one takes seconds, each time. */
const workers = (name: string, include: string[], exclude: string[]) => ({
  extends: true as const,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: testedConfig },
      miniflare: { bindings: { OPEN: 'loopback', REQUEST_LOG: 'off' } },
    }),
  ],
  test: { name, include, exclude, isolate: false, setupFiles: ['test/worker/setup.ts'] },
});

export default defineConfig({
  test: {
    testTimeout: 60_000,
    // One more than there are cores, for some wait for what takes its time by the clock; more than four take too much memory.
    maxWorkers: Math.min(availableParallelism() + 1, 4),
    projects: [
      {
        extends: true,
        plugins: [wasmModules],
        test: {
          name: 'node',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          // Of the Worker, only the parts of a session's object: they are pure, and need no workerd.
          exclude: [
            'src/worker/!(session)/**/*.test.ts',
            'src/worker/*.test.ts',
            'src/worker/session/*.test.ts',
            'test/worker/**',
            'test/page/**',
            'test/embedded/**',
            '**/*.root.test.ts',
          ],
          setupFiles: ['test/symbols.ts'],
          // Test files of one process share the compiled kernel.
          isolate: false,
        },
      },
      // What root alone may: taps, packet sockets, namespaces of this machine. They also want iproute2, vde2 and python3.
      ...(process.getuid?.() === 0
        ? [
            {
              extends: true as const,
              plugins: [wasmModules],
              test: { name: 'root', include: ['test/**/*.root.test.ts'] },
            },
          ]
        : []),
      { extends: true, plugins: [wasmModules], test: { name: 'page', include: ['test/page/**/*.test.ts'] } },
      // Whole processes: the command, and a workerd that is killed.
      {
        extends: true,
        test: {
          name: 'cli',
          include: ['cli/**/*.test.ts', 'test/embedded/**/*.test.ts'],
          globalSetup: ['cli/test/compiled.ts'],
          // What starts and serves the command is loaded once a process.
          isolate: false,
        },
      },
      workers(
        'worker',
        ['src/worker/**/*.test.ts', 'test/worker/**/*.test.ts'],
        ['src/worker/session/object/*.test.ts', ...allMemory],
      ),
      // An isolate of its own: what it tests takes all memory that there is for kernels.
      workers('worker-memory', allMemory, []),
    ],
  },
});
