#!/usr/bin/env node

/** Starts the command on a Node that can run it: this one, or in a checkout the one among its dependencies. */

import { isUtf8 } from 'node:buffer';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package has it compiled. */
const isCheckout = existsSync(new URL('main.ts', import.meta.url));

/** JavaScript that is cached loads in a third of the time. Where the folder cannot be made there is no cache, and no error. */
function cacheCode() {
  module.enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lkl'));
}

/** Node gives arguments as text: what is none would be another name, of which nobody is told. */
function mustBeText() {
  if (!process.argv.some((word) => word.includes('\ufffd'))) return;
  const given = '/proc/self/cmdline';
  if (!existsSync(given) || isUtf8(readFileSync(given))) return;
  console.error("lkl: an argument is not UTF-8: a pattern names what is called so ('/dir/caf?', '/dir/*')");
  process.exit(1);
}

mustBeText();

/** Node 24 is the first that can suspend WebAssembly and reads TypeScript. */
if (Number.parseInt(process.versions.node, 10) >= 24) {
  cacheCode();
  await import(isCheckout ? './main.ts' : '../dist/lkl.js');
} else {
  runOn(otherNode());
}

function otherNode() {
  try {
    return module.createRequire(import.meta.url).resolve('node/bin/node');
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
