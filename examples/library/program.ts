/** A program of one's own, compiled by lkl-cc or for WASI, on Linux: `node program.ts mine.wasm WORDS…`. */

import { bootKernel, runProgram } from 'lkl-linux';

const [module = '', ...words] = process.argv.slice(2);

// Alone, on a kernel that is made for it.
const { exitCode, stdout } = await runProgram(['mine', ...words], { programs: { mine: module }, input: 'typed\n' });
console.log(stdout.toString());
console.log(`ended with ${exitCode}`);

// Twice at once, on a kernel that goes on.
await using kernel = await bootKernel({ programs: { mine: module } });
const both = await Promise.all([kernel.exec(['mine', 'a']), kernel.exec(['mine', 'b'])]);
for (const { stdout: said } of both) console.log(said.toString().includes('mine'));
