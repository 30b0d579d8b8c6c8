/** `npm run -s symbols < LOG`: names for the kernel's functions in whatever text, such as what `npm run dev` prints. */

import { createInterface } from 'node:readline';
import { nameFrames } from '../src/kernel/log/symbols.ts';
import { kernelSymbols } from '../src/node/kernel-symbols.ts';

const symbols = await kernelSymbols();
for await (const line of createInterface({ input: process.stdin })) console.log(nameFrames(line, symbols));
