#!/usr/bin/env node
/** Starts the command on a Node that can run it: this one, or in a checkout the one among its dependencies. */

import { spawn } from 'node:child_process';
import { createRequire, enableCompileCache } from 'node:module';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** JavaScript that is cached loads in a third of the time. Where the folder cannot be made there is no cache, and no error. */
function cacheCode() {
  enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lkl'));
}

/** Node 24 is the first that can suspend WebAssembly and reads TypeScript. */
if (Number.parseInt(process.versions.node, 10) >= 24) {
  cacheCode();
  await import('./main.ts');
} else {
  runOn(otherNode());
}

function otherNode() {
  try {
    return createRequire(import.meta.url).resolve('node/bin/node');
  } catch {
    console.error(`lkl: Node 24 or newer is needed, this is ${process.versions.node}`);
    process.exit(4);
  }
}

function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
