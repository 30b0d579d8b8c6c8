#!/usr/bin/env node
/** `lkl hijack` by the name that LKL's command has. */

process.argv.splice(2, 0, 'hijack');
await import('./lkl.mjs');
